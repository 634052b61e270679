#include "server/storage/sql/group_commit.h"

#include <algorithm>

#include "proto/errors/error.h"
#include "server/storage/errors.h"
#include "server/storage/sql/queue.h"

namespace postern::storage {

absl::StatusOr<int64_t> ScopeOfGrant(Connection& db, GrantId grant, GrantScopes* known) {
  if (const auto found = known->find(grant); found != known->end()) return found->second;
  Query query(db, "SELECT scope FROM grant_ref WHERE id = ?");
  query.Bind(grant);
  if (!query.Next()) return query.status().ok() ? errors::NotFound("grant") : query.status();
  return (*known)[grant] = query.Int(0);
}

void GroupCounts::Add(const NewDisclosure& entry) {
  auto count = std::find_if(counts_.begin(), counts_.end(), [&](const Count& c) { return c.partner == entry.partner; });
  if (count == counts_.end()) count = counts_.insert(counts_.end(), Count{entry.partner});
  ++(entry.exchange ? count->exchanges : count->records);
}

absl::Status GroupCounts::Write(WriteScope& scope) const {
  for (const Count& count : counts_) {
    POSTERN_RETURN_IF_ERROR(CountCommitted(scope, count.partner, count.records, count.exchanges));
  }
  return absl::OkStatus();
}

}  // namespace postern::storage
