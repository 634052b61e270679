// What the end of terms means for one order: which parts of which records are over.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "policy/language/vocabulary.h"
#include "proto/postern/v1/retention_service.pb.h"
#include "server/rights/granted_fields.h"
#include "server/storage/store.h"

namespace postern::retention {

struct OrderPlan {
  // Of one record, by its place in the rows.
  struct Part {
    std::set<std::string> ended;  // categories whose term is over
    std::set<std::string> fresh;  // of these, what was not acted on yet
    bool whole = false;           // every category has ended
  };
  std::vector<Part> parts;                       // one a row
  absl::Time next_end = absl::InfiniteFuture();  // of what has not ended; InfiniteFuture if no event has started it
  bool complete = false;                         // there are records, and each has ended whole
  v1::RetentionProgress progress;                // once the fresh parts were acted on; empty if complete
};

// A category ends by the policy's rule for it or by the contract that released it, whichever is earlier. `before` is
// what was acted on. NOT_FOUND, LEDGER_UNAVAILABLE.
absl::StatusOr<OrderPlan> PlanOrder(absl::Span<const storage::DisclosureRow> rows,
                                    absl::Span<const storage::OrderEventRow> events, absl::Time now,
                                    const policy::Vocabulary& vocabulary, rights::GrantedFields& grants,
                                    const v1::RetentionProgress& before);

}  // namespace postern::retention
