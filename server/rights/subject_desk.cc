#include "server/rights/subject_desk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/registry/audit_entry.h"
#include "server/registry/errors.h"
#include "server/registry/times.h"
#include "server/revocation/targeted_campaign.h"
#include "server/rights/errors.h"
#include "server/rights/granted_fields.h"
#include "server/rights/guardians.h"
#include "server/rights/subject_name.h"

namespace postern::rights {
namespace {

using registry::errors::InvalidField;
using Kind = storage::SubjectRecordRow::Kind;
using Work = storage::SubjectRecordRow::Work;

constexpr size_t kMaxEvidence = 256;
constexpr size_t kMaxGround = 512;
constexpr size_t kMaxHoldId = 63;
constexpr int kPage = 1000;

absl::Status CheckEvidence(const std::string& evidence) {
  return evidence.size() <= kMaxEvidence ? absl::OkStatus() : InvalidField("evidence", "is longer than 256 bytes");
}

// Only what the policy in force declares can be consented to or closed: a misspelt scope must not look like a right.
absl::Status CheckScope(const registry::Snapshot& snapshot, const v1::UseScope& scope) {
  if (snapshot.bundle == nullptr) return registry::errors::PolicyAbsent();
  switch (scope.scope_case()) {
    case v1::UseScope::kCategory:
      if (snapshot.bundle->vocabulary().Category(scope.category()) != nullptr) return absl::OkStatus();
      return InvalidField("scope.category", "is not declared by the privacy policy");
    case v1::UseScope::kPurpose:
      if (snapshot.bundle->vocabulary().FindPurpose(scope.purpose()) != nullptr) return absl::OkStatus();
      return InvalidField("scope.purpose", "is not declared by the privacy policy");
    case v1::UseScope::kEverything:
      return scope.everything() ? absl::OkStatus() : InvalidField("scope", "is missing");
    default:
      return InvalidField("scope", "is missing");
  }
}

absl::Status CheckHold(const v1::LegalHold& hold, absl::Time now) {
  const auto plain = [](char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-'; };
  if (hold.id().empty() || hold.id().size() > kMaxHoldId || !std::all_of(hold.id().begin(), hold.id().end(), plain)) {
    return InvalidField("legal_hold.id", "must be 1 to 63 lower-case letters, digits and dashes");
  }
  if (hold.ground().empty() || hold.ground().size() > kMaxGround) {
    return InvalidField("legal_hold.ground", "must have 1 to 512 bytes");
  }
  if (!hold.has_end_time() || registry::ToTime(hold.end_time()) <= now) {
    return InvalidField("legal_hold.end_time", "must be in the future");
  }
  return absl::OkStatus();
}

// Why what waits is withdrawn.
v1::ErrorReason ReasonFor(Kind kind) {
  switch (kind) {
    case Kind::kConsent:
      return v1::ERROR_REASON_CONSENT_REQUIRED;
    case Kind::kGuardian:
      return v1::ERROR_REASON_FENCED;
    default:
      return v1::ERROR_REASON_SUBJECT_RESTRICTED;
  }
}

}  // namespace

absl::StatusOr<storage::Mac16> SubjectDesk::Find(const v1::SubjectRef& ref) const {
  return SubjectOf(plane_.keys->index_key(), "subject", ref);
}

absl::StatusOr<v1::Subject> SubjectDesk::Describe(const v1::DescribeSubjectRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(const storage::Mac16 subject, Find(request.subject()));
  return ledger_.Describe(subject);
}

absl::Status SubjectDesk::Write(const Record& record, absl::string_view principal, absl::string_view action) {
  storage::ChangeSet change;
  change.subject_records.push_back(record);
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE,
                                               {plane_.clock(), principal, SubjectName(record.subject)}, action,
                                               {{"scope", record.key}}));
  return ledger_.Change({record.subject}, std::move(change));
}

// Anyone may say no; yes for a minor says the guardian.
absl::Status SubjectDesk::CheckConsentGiver(const v1::SetConsentRequest& request, const storage::Mac16& subject) {
  if (!request.has_guardian()) {
    if (!request.granted() || base::FailpointSkips("guardian.skip")) return absl::OkStatus();
    POSTERN_ASSIGN_OR_RETURN(const bool minor, HaveGuardian(ledger_, {subject}));
    return minor ? errors::GuardianUnlinked(SubjectName(subject)) : absl::OkStatus();
  }
  POSTERN_ASSIGN_OR_RETURN(const storage::Mac16 guardian,
                           SubjectOf(plane_.keys->index_key(), "guardian", request.guardian()));
  return CheckGuardian(ledger_, {subject}, SubjectName(guardian));
}

absl::StatusOr<v1::SetConsentResponse> SubjectDesk::SetConsent(const identity::Principal& caller,
                                                               const v1::SetConsentRequest& request) {
  POSTERN_RETURN_IF_ERROR(CheckEvidence(request.evidence()));
  POSTERN_RETURN_IF_ERROR(CheckScope(*plane_.snapshots->Get(), request.scope()));
  if (request.scope().has_everything()) return InvalidField("scope", "a consent is about a category or a purpose");
  Record record;
  record.kind = Kind::kConsent;
  record.key = registry::ScopeKey(request.scope());
  record.work = request.granted() ? Work::kNone : Work::kRecallAndNotify;
  POSTERN_ASSIGN_OR_RETURN(record.subject, Find(request.subject()));

  absl::MutexLock lock(&plane_.mutex);
  POSTERN_RETURN_IF_ERROR(CheckConsentGiver(request, record.subject));
  v1::SetConsentResponse response;
  v1::Consent& consent = *response.mutable_consent();
  *consent.mutable_scope() = request.scope();
  consent.set_granted(request.granted());
  consent.set_evidence(request.evidence());
  registry::SetTime(plane_.clock(), consent.mutable_time());
  record.resource = consent.SerializeAsString();
  response.set_subject(SubjectName(record.subject));
  POSTERN_RETURN_IF_ERROR(Write(record, caller.name, request.granted() ? "consent.given" : "consent.withdrawn"));
  POSTERN_FAILPOINT("rights.consent_written");
  if (request.granted()) return response;
  POSTERN_ASSIGN_OR_RETURN(Finished finished, Finish(std::move(record)));
  *response.mutable_effect() = std::move(finished.effect);
  for (const v1::DeletionCampaign& campaign : finished.campaigns) response.add_campaigns(campaign.name());
  return response;
}

absl::StatusOr<v1::SetRestrictionResponse> SubjectDesk::SetRestriction(const identity::Principal& caller,
                                                                       const v1::SetRestrictionRequest& request) {
  POSTERN_RETURN_IF_ERROR(CheckEvidence(request.evidence()));
  POSTERN_RETURN_IF_ERROR(CheckScope(*plane_.snapshots->Get(), request.scope()));
  if (request.scope().has_category()) return InvalidField("scope", "a restriction is about a purpose or everything");
  if (request.restricted() &&
      (request.ground() == v1::Restriction::GROUND_UNSPECIFIED || !v1::Restriction::Ground_IsValid(request.ground()))) {
    return InvalidField("ground", "is missing or unknown");
  }
  Record record;
  record.kind = Kind::kRestriction;
  record.key = registry::ScopeKey(request.scope());
  POSTERN_ASSIGN_OR_RETURN(record.subject, Find(request.subject()));

  absl::MutexLock lock(&plane_.mutex);
  if (request.restricted()) {
    v1::Restriction restriction;
    *restriction.mutable_scope() = request.scope();
    restriction.set_ground(request.ground());
    restriction.set_evidence(request.evidence());
    registry::SetTime(plane_.clock(), restriction.mutable_time());
    record.resource = restriction.SerializeAsString();
    record.work = Work::kRecall;
  }
  POSTERN_RETURN_IF_ERROR(Write(record, caller.name, request.restricted() ? "use.closed" : "use.opened"));
  v1::SetRestrictionResponse response;
  if (request.restricted()) {
    POSTERN_ASSIGN_OR_RETURN(Finished finished, Finish(record));
    *response.mutable_effect() = std::move(finished.effect);
  }
  POSTERN_ASSIGN_OR_RETURN(*response.mutable_subject(), ledger_.Describe(record.subject));
  return response;
}

absl::StatusOr<SubjectDesk::Finished> SubjectDesk::Finish(Record record) {
  const std::shared_ptr<const registry::Snapshot> snapshot = plane_.snapshots->Get();
  GrantedFields grants(plane_.store, snapshot);
  absl::string_view id = record.key;
  const bool by_category = absl::ConsumePrefix(&id, "category:");
  const bool by_purpose = absl::ConsumePrefix(&id, "purpose:");
  const auto concerned = [&](const storage::DisclosureRow& row) -> absl::StatusOr<bool> {
    if (record.kind == Kind::kGuardian) return LeftAsAdults(*snapshot, grants, row, record.subject);
    if (by_category) return grants.Released(row, id);
    if (!by_purpose) return true;
    POSTERN_ASSIGN_OR_RETURN(const GrantFacts* facts, grants.Of(row.grant));
    return absl::string_view(facts->ref.purpose) == id;
  };
  POSTERN_ASSIGN_OR_RETURN(Recalled recalled,
                           RecallReleases(plane_, {record.subject}, ReasonFor(record.kind), concerned));
  POSTERN_FAILPOINT("rights.recalled");

  Finished finished;
  finished.effect = std::move(recalled.effect);
  absl::MutexLock control(&plane_.control->mutex);
  storage::ChangeSet change;
  if (record.work == Work::kRecallAndNotify) {
    std::vector<std::string> categories;
    if (by_category) categories.push_back(std::string(id));
    POSTERN_ASSIGN_OR_RETURN(finished.campaigns,
                             AddNotices(plane_, grants, recalled.held, v1::DeletionCampaign::CAUSE_CONSENT_WITHDRAWN,
                                        categories, ids_, &change));
  }
  // What is on its way comes back to the queue if the stream breaks. The queue remembers it, but not over a restart.
  record.work = recalled.on_their_way ? Work::kRecall : Work::kNone;
  change.subject_records.push_back(std::move(record));
  POSTERN_RETURN_IF_ERROR(plane_.store->Apply(change).status());
  revocation::Announce(*plane_.control, change);
  return finished;
}

absl::StatusOr<v1::Subject> SubjectDesk::LiftSuppression(const identity::Principal& caller,
                                                         const v1::LiftSuppressionRequest& request) {
  if (request.evidence().empty()) return InvalidField("evidence", "is missing");
  POSTERN_RETURN_IF_ERROR(CheckEvidence(request.evidence()));
  Record record;
  record.kind = Kind::kSuppression;
  POSTERN_ASSIGN_OR_RETURN(record.subject, Find(request.subject()));
  absl::MutexLock lock(&plane_.mutex);
  POSTERN_ASSIGN_OR_RETURN(const v1::Subject before, ledger_.Describe(record.subject));
  if (!before.has_suppression()) return registry::errors::NotFound(before.name());
  POSTERN_RETURN_IF_ERROR(Write(record, caller.name, "suppression.lifted"));
  return ledger_.Describe(record.subject);
}

absl::StatusOr<v1::Subject> SubjectDesk::SetGuardian(const identity::Principal& caller,
                                                     const v1::SetGuardianRequest& request) {
  if (request.evidence().empty()) return InvalidField("evidence", "is missing");
  POSTERN_RETURN_IF_ERROR(CheckEvidence(request.evidence()));
  Record record;
  record.kind = Kind::kGuardian;
  POSTERN_ASSIGN_OR_RETURN(record.subject, Find(request.subject()));
  POSTERN_ASSIGN_OR_RETURN(const storage::Mac16 guardian,
                           SubjectOf(plane_.keys->index_key(), "guardian", request.guardian()));
  if (guardian == record.subject) return InvalidField("guardian", "is the minor");
  record.key = SubjectName(guardian);
  const absl::Time now = plane_.clock();
  if (!request.until().empty()) {
    absl::CivilDay until;
    if (!absl::ParseCivilTime(request.until(), &until) || until <= registry::UtcDay(now)) {
      return InvalidField("until", "must be a day in the future, YYYY-MM-DD");
    }
    v1::GuardianLink link;
    link.set_guardian(record.key);
    link.set_evidence(request.evidence());
    registry::SetTime(absl::FromCivil(until, absl::UTCTimeZone()), link.mutable_until_time());
    registry::SetTime(now, link.mutable_time());
    record.resource = link.SerializeAsString();
    record.work = Work::kRecall;
  }
  absl::MutexLock lock(&plane_.mutex);
  POSTERN_RETURN_IF_ERROR(
      Write(record, caller.name, request.until().empty() ? "guardian.unlinked" : "guardian.linked"));
  POSTERN_FAILPOINT("rights.guardian_written");
  if (!request.until().empty()) POSTERN_RETURN_IF_ERROR(Finish(record).status());
  return ledger_.Describe(record.subject);
}

absl::StatusOr<v1::Subject> SubjectDesk::PlaceLegalHold(const identity::Principal& caller,
                                                        const v1::PlaceLegalHoldRequest& request) {
  Record record;
  record.kind = Kind::kLegalHold;
  record.key = request.legal_hold().id();
  POSTERN_RETURN_IF_ERROR(CheckHold(request.legal_hold(), plane_.clock()));
  POSTERN_ASSIGN_OR_RETURN(record.subject, Find(request.subject()));
  absl::MutexLock lock(&plane_.mutex);
  v1::LegalHold hold = request.legal_hold();
  registry::SetTime(plane_.clock(), hold.mutable_create_time());
  record.resource = hold.SerializeAsString();
  POSTERN_RETURN_IF_ERROR(Write(record, caller.name, "legal_hold.placed"));
  return ledger_.Describe(record.subject);
}

absl::StatusOr<v1::Subject> SubjectDesk::ReleaseLegalHold(const identity::Principal& caller,
                                                          const v1::ReleaseLegalHoldRequest& request) {
  Record record;
  record.kind = Kind::kLegalHold;
  record.key = request.id();
  POSTERN_ASSIGN_OR_RETURN(record.subject, Find(request.subject()));
  absl::MutexLock lock(&plane_.mutex);
  POSTERN_ASSIGN_OR_RETURN(const v1::Subject before, ledger_.Describe(record.subject));
  const bool placed = std::any_of(before.legal_holds().begin(), before.legal_holds().end(),
                                  [&](const v1::LegalHold& hold) { return hold.id() == request.id(); });
  if (!placed) return registry::errors::NotFound("legal hold");
  POSTERN_RETURN_IF_ERROR(Write(record, caller.name, "legal_hold.released"));
  return ledger_.Describe(record.subject);
}

absl::Status SubjectDesk::Resume() {
  absl::MutexLock lock(&plane_.mutex);
  for (int64_t after = 0;;) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<Record> records, plane_.store->ListSubjectRecords(after, kPage));
    if (records.empty()) return absl::OkStatus();
    after = records.back().row;
    for (const Record& record : records) {
      if (record.work != Work::kNone) POSTERN_RETURN_IF_ERROR(Finish(record).status());
    }
  }
}

}  // namespace postern::rights
