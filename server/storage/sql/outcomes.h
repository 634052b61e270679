// The outcome feed: one stored row stands for many lines, which are expanded as they are read.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/storage/sql/write_scope.h"
#include "server/storage/store.h"

namespace postern::storage {

// What the lines of one stored row have in common.
struct OutcomeKind {
  PartnerId partner = 0;
  v1::DisclosureState state = v1::DISCLOSURE_STATE_UNSPECIFIED;
  absl::string_view reason;
  absl::Time time;
};

// One line for each of `seqs`, which ascend. Nothing if there are none.
absl::Status AddOutcomes(WriteScope& scope, const OutcomeKind& kind, absl::Span<const int64_t> seqs);
// One line for each record of the partner above `above`, up to `upto`, that is not settled otherwise. Constant time.
absl::Status AddBacklogEndOutcome(WriteScope& scope, const OutcomeKind& kind, int64_t above, int64_t upto);
absl::Status AddResultOutcome(WriteScope& scope, const OutcomeKind& kind, const ChangeSet::SubmittedResult& result);

absl::StatusOr<std::vector<OutcomeRow>> ReadOutcomesFrom(Connection& db, int64_t after, int limit);

}  // namespace postern::storage
