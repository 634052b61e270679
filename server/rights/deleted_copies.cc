#include "server/rights/deleted_copies.h"

#include <algorithm>
#include <vector>

#include "absl/strings/string_view.h"
#include "proto/errors/error.h"
#include "server/registry/times.h"
#include "server/revocation/notice.h"
#include "server/storage/position_search.h"

namespace postern::rights {
namespace {

using Attestation = v1::DeletionAttestationStatement;

constexpr int kPage = 16;

absl::StatusOr<std::vector<storage::NoticeRow>> NoticesAfter(storage::Store& store, storage::PartnerId partner,
                                                             int64_t row, int limit) {
  return store.ListNotices(partner, /*campaign=*/"", row, limit, /*open_only=*/false);
}

bool NamesWhole(const v1::DeletionNoticeStatement& statement, absl::string_view handle) {
  return std::any_of(statement.items().begin(), statement.items().end(),
                     [handle](const v1::DeletionNoticeStatement::Item& item) {
                       return handle == item.handle() && item.categories().empty();
                     });
}

absl::StatusOr<bool> IsGone(storage::Store& store, const v1::DeletionNotice& notice, const storage::Hash32& handle) {
  if (!notice.has_attest_time()) return false;
  POSTERN_ASSIGN_OR_RETURN(const v1::DeletionNoticeStatement statement, revocation::StatementOf(notice));
  const absl::string_view bytes(reinterpret_cast<const char*>(handle.data()), handle.size());
  if (!NamesWhole(statement, bytes)) return false;
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::HandleOutcomeRow> outcomes,
                           store.ListHandleOutcomes(notice.name()));
  return std::any_of(outcomes.begin(), outcomes.end(), [&](const storage::HandleOutcomeRow& outcome) {
    return outcome.handle == handle &&
           (outcome.result == Attestation::RESULT_DELETED || outcome.result == Attestation::RESULT_NOT_FOUND);
  });
}

}  // namespace

absl::StatusOr<bool> AttestedGone(storage::Store& store, storage::PartnerId partner, const storage::Hash32& handle,
                                  absl::Time disclosed) {
  // Notices are listed in the order in which they were issued.
  const auto next_is_older = [&](int64_t row) -> absl::StatusOr<bool> {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::NoticeRow> next, NoticesAfter(store, partner, row, 1));
    return !next.empty() && registry::ToTime(next.front().notice.create_time()) <= disclosed;
  };
  POSTERN_ASSIGN_OR_RETURN(const int64_t older, storage::LastWhere(next_is_older));
  for (int64_t after = older + 1;;) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::NoticeRow> notices, NoticesAfter(store, partner, after, kPage));
    if (notices.empty()) return false;
    after = notices.back().row;
    for (const storage::NoticeRow& row : notices) {
      POSTERN_ASSIGN_OR_RETURN(const bool gone, IsGone(store, row.notice, handle));
      if (gone) return true;
    }
  }
}

}  // namespace postern::rights
