// Resource names of disclosures: "partners/{partner}/disclosures/{uuid}".
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/crypto/uuid7.h"

namespace postern::disclosure {

std::string DisclosureName(absl::string_view partner, const crypto::Uuid& id);

struct ParsedName {
  std::string partner;  // "partners/{partner}"
  crypto::Uuid id;
};
// INVALID_ARGUMENT, naming `field`, for anything else.
absl::StatusOr<ParsedName> ParseDisclosureName(absl::string_view field, absl::string_view name);

}  // namespace postern::disclosure
