// Every limit of disclosing and delivering, in one place.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace postern::disclosure::limits {

// --- what a caller may ask
inline constexpr size_t kMaxRecordBytes = 1 << 20;
inline constexpr int kMaxTargets = 8;
inline constexpr int kMaxBatchRequests = 512;
inline constexpr int kMaxPageSize = 1000;
inline constexpr int kDefaultPageSize = 100;
// A request id is accepted this long before and after its own time.
inline constexpr absl::Duration kRequestIdWindow = absl::Hours(24);
// Clocks of the shop and the gateway may differ by this much.
inline constexpr absl::Duration kClockSkew = absl::Minutes(5);

// --- one commit group
inline constexpr size_t kMaxGroupRequests = 256;
inline constexpr size_t kMaxGroupRows = 512;
// So many entries are worth a transaction even while callers of the last one are being answered, who come again.
inline constexpr size_t kFullGroupRows = 64;

// --- one Receive response
inline constexpr int kMaxResponseRecords = 256;
inline constexpr int64_t kMaxResponseBytes = 256 << 10;
// Credits add up to these at most; what is granted beyond is lost.
inline constexpr int64_t kMaxCreditRecords = 1 << 20;
inline constexpr int64_t kMaxCreditBytes = int64_t{1} << 40;

}  // namespace postern::disclosure::limits
