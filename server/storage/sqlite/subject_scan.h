// Finding a subject's disclosures without an index: what the short unindexed tail is read by.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "server/storage/sqlite/connection.h"
#include "server/storage/store.h"

namespace postern::storage {

// Positions above `after`, ascending, of disclosures that concern the subject, or order, of that value; at most
// `limit`.
absl::StatusOr<std::vector<int64_t>> ScanForSubject(Connection& ledger, const Mac16& subject, int64_t after, int limit);

}  // namespace postern::storage
