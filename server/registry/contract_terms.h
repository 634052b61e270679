// The terms that hold for what a partner got: they outlive its grants, because deletion follows them.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/postern/v1/contract.pb.h"
#include "server/storage/store.h"

namespace postern::registry {

// Of each contract of the partner the revision in force, or the last one that was; contracts that never were in force
// are left out. By contract name.
absl::StatusOr<std::vector<v1::Contract>> ReadTerms(storage::Store& store, storage::PartnerId partner);

// The contracts in force by an ACTIVE revision, whatever the calendar says.
absl::StatusOr<std::vector<v1::Contract>> ReadActiveContracts(storage::Store& store, storage::PartnerId partner);

}  // namespace postern::registry
