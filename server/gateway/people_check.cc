#include "server/gateway/people_check.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/errors/error.h"
#include "server/registry/times.h"

namespace postern::gateway {
namespace {

using v1::CheckFinding;

constexpr int kPage = 1000;
constexpr int kAttempts = 3;
constexpr absl::Duration kBetweenAttempts = absl::Milliseconds(100);

// What is open and when it is due.
class DueList {
 public:
  explicit DueList(absl::Time now) : now_(now) {}

  void Add(absl::Time due) {
    if (due <= now_) {
      ++overdue_;
    } else if (due <= now_ + kDueSoon) {
      ++soon_;
    }
  }
  void Tell(absl::string_view subject, absl::string_view what, FindFn find) const {
    if (overdue_ > 0) find(CheckFinding::SEVERITY_ERROR, subject, absl::StrCat(overdue_, " ", what, " are overdue"));
    if (soon_ > 0) {
      find(CheckFinding::SEVERITY_WARNING, subject, absl::StrCat(soon_, " ", what, " are due within three days"));
    }
  }

 private:
  const absl::Time now_;
  int64_t overdue_ = 0;
  int64_t soon_ = 0;
};

bool Same(const registry::SubjectStanding& a, const registry::SubjectStanding& b) {
  return a.consents == b.consents && a.restricted_purposes == b.restricted_purposes && a.restricted == b.restricted &&
         a.suppressed == b.suppressed && a.held_until == b.held_until && a.minor_until == b.minor_until &&
         a.canary_of == b.canary_of;
}

absl::Status CheckRequests(storage::Store& store, absl::Time now, FindFn find) {
  DueList due(now);
  for (int64_t offset = 0;; offset += kPage) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::SubjectRequestRow> rows,
                             store.ListSubjectRequests(/*open_only=*/true, offset, kPage));
    for (const storage::SubjectRequestRow& row : rows) due.Add(registry::ToTime(row.request.expected_by()));
    if (static_cast<int>(rows.size()) < kPage) break;
  }
  due.Tell("subjectRequests", "requests of people", find);
  return absl::OkStatus();
}

absl::Status CheckInvestigations(storage::Store& store, absl::Time now, FindFn find) {
  DueList due(now);
  int64_t not_frozen = 0;
  for (int64_t offset = 0;; offset += kPage) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::InvestigationRow> rows,
                             store.ListInvestigations(/*open_only=*/true, offset, kPage));
    for (const storage::InvestigationRow& row : rows) {
      due.Add(registry::ToTime(row.investigation.expected_by()));
      for (const v1::Freeze& freeze : row.investigation.freezes()) {
        not_frozen += !freeze.has_effective_time() && !freeze.has_lift_time() ? 1 : 0;
      }
    }
    if (static_cast<int>(rows.size()) < kPage) break;
  }
  due.Tell("investigations", "complaints", find);
  if (not_frozen > 0) {
    find(CheckFinding::SEVERITY_ERROR, "investigations", absl::StrCat(not_frozen, " freezes are not in force"));
  }
  return absl::OkStatus();
}

// A change is in the store a moment before it is in memory.
absl::StatusOr<bool> HoldsWhatIsStored(storage::Store& store, const registry::SubjectStandings& standings,
                                       const storage::Mac16& subject) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (attempt > 0) absl::SleepFor(kBetweenAttempts);
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::SubjectRecordRow> records, store.ReadSubjectRecords(subject));
    POSTERN_ASSIGN_OR_RETURN(const registry::SubjectStanding stored, registry::StandingFrom(records));
    const std::shared_ptr<const registry::SubjectStanding> held = standings.Find(subject);
    if (Same(stored, held == nullptr ? registry::SubjectStanding() : *held)) return true;
  }
  return false;
}

absl::Status CheckStandings(storage::Store& store, const registry::SubjectStandings& standings, FindFn find) {
  int64_t unfinished = 0;
  int64_t different = 0;
  storage::Mac16 last{};
  bool any = false;
  for (int64_t after = 0;;) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::SubjectRecordRow> rows, store.ListSubjectRecords(after, kPage));
    for (const storage::SubjectRecordRow& row : rows) {
      after = row.row;
      unfinished += row.work == storage::SubjectRecordRow::Work::kNone ? 0 : 1;
      if (any && row.subject == last) continue;
      any = true;
      last = row.subject;
      POSTERN_ASSIGN_OR_RETURN(const bool same, HoldsWhatIsStored(store, standings, row.subject));
      different += same ? 0 : 1;
    }
    if (static_cast<int>(rows.size()) < kPage) break;
  }
  if (unfinished > 0) {
    find(CheckFinding::SEVERITY_ERROR, "subjects",
         absl::StrCat(unfinished, " withdrawals or restrictions were not carried through"));
  }
  if (different > 0) {
    find(CheckFinding::SEVERITY_ERROR, "subjects",
         absl::StrCat("disclosures of ", different, " people are judged by other records than those that are stored"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckPeople(storage::Store& store, const registry::SubjectStandings& standings, absl::Time now,
                         FindFn find) {
  POSTERN_RETURN_IF_ERROR(CheckRequests(store, now, find));
  POSTERN_RETURN_IF_ERROR(CheckInvestigations(store, now, find));
  return CheckStandings(store, standings, find);
}

absl::Status CheckTerms(storage::Store& store, absl::Time now, FindFn find) {
  POSTERN_ASSIGN_OR_RETURN(const storage::RetentionReads::RetentionCounts counts, store.CountOrders(now - kBehind));
  int64_t orders = 0;
  for (const auto& day : counts.ends) orders += day.orders;
  if (orders > 0) {
    find(CheckFinding::SEVERITY_ERROR, "retention",
         absl::StrCat(orders, " orders have a term that ended more than a day ago"));
  }
  return absl::OkStatus();
}

}  // namespace postern::gateway
