// Reading what waits for a partner, and what was set aside.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/storage/sql/connection.h"
#include "server/storage/store.h"

namespace postern::storage {

absl::StatusOr<std::vector<PendingPayload>> ReadBacklogFrom(Connection& db, PartnerId partner, int64_t after, int limit,
                                                            int64_t max_bytes);
// Times grow with positions but for steps of the clock: reading stops at the first record that is not older, and what a
// step hides behind it is found when that record has aged too.
absl::StatusOr<std::vector<PendingPayload>> ReadPendingOlderThanFrom(Connection& db, PartnerId partner, int64_t after,
                                                                     absl::Time time, int limit);
absl::StatusOr<std::vector<int64_t>> ReadSettledAboveFrom(Connection& db, PartnerId partner, int64_t watermark);
absl::StatusOr<Store::BacklogCounts> CountBacklogFrom(Connection& db, PartnerId partner);
absl::StatusOr<std::vector<DeadLetterRow>> ListDeadLettersFrom(Connection& db, PartnerId partner, int64_t after,
                                                               int limit);
absl::StatusOr<std::vector<PendingReplay>> ListPendingReplaysFrom(Connection& db, PartnerId partner);
absl::StatusOr<std::vector<int64_t>> CountPendingOfFrom(Connection& db, PartnerId partner,
                                                        absl::Span<const Mac16> record_keys);
absl::StatusOr<PendingPayload> ReadDeadLetterFrom(Connection& db, const crypto::Uuid& id);

}  // namespace postern::storage
