#include "server/rights/subject_ledger.h"

#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "proto/errors/error.h"
#include "server/registry/errors.h"
#include "server/registry/times.h"
#include "server/rights/subject_name.h"

namespace postern::rights {
namespace {

constexpr int kPage = 1000;

using Kind = storage::SubjectRecordRow::Kind;

// Adds one record to the resource; false if it does not parse.
bool AddTo(v1::Subject* subject, const storage::SubjectRecordRow& row, absl::Time now) {
  switch (row.kind) {
    case Kind::kConsent:
      return subject->add_consents()->ParseFromString(row.resource);
    case Kind::kRestriction:
      return subject->add_restrictions()->ParseFromString(row.resource);
    case Kind::kSuppression:
      return subject->mutable_suppression()->ParseFromString(row.resource);
    case Kind::kCanary:
      return true;  // nothing that a person said
    case Kind::kGuardian: {
      v1::GuardianLink link;
      if (!link.ParseFromString(row.resource)) return false;
      if (registry::ToTime(link.until_time()) > now) *subject->add_guardians() = std::move(link);
      return true;
    }
    case Kind::kLegalHold: {
      v1::LegalHold hold;
      if (!hold.ParseFromString(row.resource)) return false;
      if (registry::ToTime(hold.end_time()) > now) *subject->add_legal_holds() = std::move(hold);
      return true;
    }
  }
  return false;
}

}  // namespace

absl::Status SubjectLedger::Change(absl::Span<const storage::Mac16> subjects, storage::ChangeSet change) {
  for (const storage::Mac16& subject : subjects) {
    change.raise_fences.push_back({storage::FenceScope::Kind::kSubject,
                                   std::string(reinterpret_cast<const char*>(subject.data()), subject.size())});
  }
  // If this fails, the change may be made all the same, with a fence that nobody in memory knows of.
  unread_.insert(unread_.end(), subjects.begin(), subjects.end());
  POSTERN_ASSIGN_OR_RETURN(const storage::AppliedChange applied, plane_.store->Apply(change));
  // The version vouches for every subject, so those of earlier changes that failed are read again too; what became of
  // those is settled, now that the store has written something after them.
  for (const storage::Mac16& subject : unread_) POSTERN_RETURN_IF_ERROR(Read(subject));
  unread_.clear();
  plane_.standings->Vouch(applied.fence_version);
  return absl::OkStatus();
}

absl::Status SubjectLedger::Read(const storage::Mac16& subject) {
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::SubjectRecordRow> records,
                           plane_.store->ReadSubjectRecords(subject));
  POSTERN_ASSIGN_OR_RETURN(registry::SubjectStanding standing, registry::StandingFrom(records));
  plane_.standings->Replace(subject, std::move(standing));
  return absl::OkStatus();
}

absl::StatusOr<v1::Subject> SubjectLedger::Describe(const storage::Mac16& subject) {
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::SubjectRecordRow> records,
                           plane_.store->ReadSubjectRecords(subject));
  const absl::Time now = plane_.clock();
  v1::Subject out;
  out.set_name(SubjectName(subject));
  for (const storage::SubjectRecordRow& row : records) {
    if (!AddTo(&out, row, now)) return registry::errors::StoreInconsistent("a subject's record does not parse");
  }
  return out;
}

absl::Status ForEachDisclosure(storage::Store& store, absl::Span<const storage::Mac16> subjects,
                               absl::FunctionRef<absl::Status(const storage::DisclosureRow&)> visit) {
  absl::flat_hash_set<int64_t> seen;
  for (const storage::Mac16& subject : subjects) {
    for (int64_t after = 0;;) {
      POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::DisclosureRow> rows,
                               store.ListBySubject(subject, after, kPage));
      for (const storage::DisclosureRow& row : rows) {
        if (subjects.size() > 1 && !seen.insert(row.seq).second) continue;
        POSTERN_RETURN_IF_ERROR(visit(row));
      }
      if (static_cast<int>(rows.size()) < kPage) break;
      after = rows.back().seq;
    }
  }
  return absl::OkStatus();
}

}  // namespace postern::rights
