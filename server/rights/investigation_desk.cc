#include "server/rights/investigation_desk.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/crypto/dsse.h"
#include "server/disclosure/resolver.h"
#include "server/registry/audit_entry.h"
#include "server/registry/errors.h"
#include "server/registry/freezes.h"
#include "server/registry/page.h"
#include "server/registry/partner_rows.h"
#include "server/registry/times.h"
#include "server/registry/withdrawal.h"
#include "server/rights/erasure.h"
#include "server/rights/errors.h"
#include "server/rights/guardians.h"
#include "server/rights/request_desk.h"
#include "server/rights/subject_name.h"

namespace postern::rights {
namespace {

using registry::errors::InvalidField;
using Investigation = v1::Investigation;

constexpr int kMaxFurther = 16;
constexpr int kDefaultPage = 100;
constexpr int kMaxPage = 1000;
constexpr size_t kMaxText = 256;
constexpr absl::Duration kDefaultReach = absl::Hours(24 * 90);

absl::Status CheckReference(absl::string_view field, absl::string_view text) {
  if (text.empty() || text.size() > kMaxText) return InvalidField(field, "must have 1 to 256 bytes");
  return absl::OkStatus();
}

absl::Status CheckCategory(const registry::Snapshot& snapshot, absl::string_view category) {
  if (snapshot.bundle == nullptr) return registry::errors::PolicyAbsent();
  if (snapshot.bundle->vocabulary().Category(category) == nullptr) {
    return InvalidField("category", "is not declared by the privacy policy");
  }
  return absl::OkStatus();
}

absl::Status CheckResolution(const v1::Resolution& resolution) {
  if (resolution.finding() == v1::Resolution::FINDING_UNSPECIFIED ||
      !v1::Resolution::Finding_IsValid(resolution.finding())) {
    return InvalidField("resolution.finding", "is missing or unknown");
  }
  for (const int measure : resolution.measures()) {
    if (measure == v1::Resolution::MEASURE_UNSPECIFIED || !v1::Resolution::Measure_IsValid(measure)) {
      return InvalidField("resolution.measures", "has an unknown one");
    }
  }
  // Who is in the right is owed that something is done about it.
  if (resolution.finding() != v1::Resolution::FINDING_UNFOUNDED && resolution.measures().empty()) {
    return InvalidField("resolution.measures", "must say what was done");
  }
  return CheckReference("resolution.report_reference", resolution.report_reference());
}

bool Lasts(const v1::Freeze& freeze) {
  return !freeze.has_lift_time();
}

void LiftAll(absl::Time now, Investigation* investigation) {
  for (v1::Freeze& freeze : *investigation->mutable_freezes()) {
    if (Lasts(freeze)) registry::SetTime(now, freeze.mutable_lift_time());
  }
}

// The grants that a freeze stops.
std::set<registry::GrantKey> GrantsOf(const registry::Snapshot& snapshot, const v1::Freeze& freeze) {
  std::set<registry::GrantKey> keys;
  for (const auto& [name, partner] : snapshot.partners) {
    for (const registry::ActiveGrant& active : partner->grants) {
      if (!registry::Covers(freeze, name, active.grant->categories)) continue;
      keys.insert({active.contract->name, active.grant->purpose, active.grant->record_type});
    }
  }
  return keys;
}

v1::SubjectRequest AsRequest(const Investigation& investigation) {
  v1::SubjectRequest request;
  *request.mutable_subjects() = investigation.subjects();
  return request;
}

}  // namespace

absl::Status InvestigationDesk::CheckMayHandle(const identity::Principal& caller, const Investigation& investigation) {
  return rights::CheckMayHandle(ledger_, caller, AsRequest(investigation));
}

absl::StatusOr<Investigation> InvestigationDesk::Create(const identity::Principal& caller,
                                                        const v1::CreateInvestigationRequest& request) {
  const absl::Time now = plane_.clock();
  storage::InvestigationRow row;
  Investigation& made = row.investigation;
  POSTERN_RETURN_IF_ERROR(CheckReference("reference", request.reference()));
  if (request.also_size() > kMaxFurther) return InvalidField("also", "has more than 16 identifiers");
  if (request.has_subject()) {
    POSTERN_ASSIGN_OR_RETURN(const storage::Mac16 subject,
                             SubjectOf(plane_.keys->index_key(), "subject", request.subject()));
    made.add_subjects(SubjectName(subject));
    for (const v1::SubjectRef& further : request.also()) {
      POSTERN_ASSIGN_OR_RETURN(const storage::Mac16 one, SubjectOf(plane_.keys->index_key(), "also", further));
      if (one != subject) made.add_subjects(SubjectName(one));
    }
  } else if (request.partner().empty()) {
    return InvalidField("subject", "is missing, and so is a partner");
  }
  if (!request.partner().empty()) {
    POSTERN_RETURN_IF_ERROR(registry::ReadPartner(*plane_.store, request.partner()).status());
  }
  if (!request.category().empty()) {
    POSTERN_RETURN_IF_ERROR(CheckCategory(*plane_.snapshots->Get(), request.category()));
  }
  POSTERN_ASSIGN_OR_RETURN(row.request_id, disclosure::CheckRequestId(request.request_id(), now));
  row.principal = disclosure::ShortDigest({"postern principal", caller.name});
  made.set_state(Investigation::STATE_OPEN);
  made.set_partner(request.partner());
  made.set_category(request.category());
  made.set_reference(request.reference());
  const absl::Time end = request.has_end_time() ? registry::ToTime(request.end_time()) : now;
  const absl::Time start = request.has_start_time() ? registry::ToTime(request.start_time()) : end - kDefaultReach;
  if (start >= end) return InvalidField("start_time", "must be before end_time");
  registry::SetTime(start, made.mutable_start_time());
  registry::SetTime(end, made.mutable_end_time());
  registry::SetTime(now, made.mutable_receive_time());

  absl::MutexLock lock(&plane_.mutex);
  POSTERN_RETURN_IF_ERROR(CheckMayHandle(caller, made));
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::Mac16> subjects, SubjectsOf(AsRequest(made)));
  POSTERN_ASSIGN_OR_RETURN(const bool urgent, HaveGuardian(ledger_, subjects));
  made.set_urgent(urgent);
  registry::SetTime(now + (urgent ? kGuardianTerm : kRequestTerm), made.mutable_expected_by());
  const auto original = plane_.store->FindInvestigation(row.principal, row.request_id);
  if (original.ok()) {
    const bool same = original->investigation.reference() == made.reference() &&
                      original->investigation.partner() == made.partner() &&
                      original->investigation.category() == made.category() &&
                      absl::StrJoin(original->investigation.subjects(), ",") == absl::StrJoin(made.subjects(), ",");
    if (!same) return errors::RequestIdReused();
    return original->investigation;
  }
  if (!absl::IsNotFound(original.status())) return original.status();
  POSTERN_ASSIGN_OR_RETURN(const crypto::Uuid id, ids_.Next(now));
  made.set_name(absl::StrCat("investigations/", id.ToString()));
  POSTERN_RETURN_IF_ERROR(Put(row, caller.name, "investigation.created"));
  return made;
}

absl::StatusOr<Investigation> InvestigationDesk::Get(const identity::Principal& caller,
                                                     const v1::GetInvestigationRequest& request) {
  return ReadFor(caller, request.name());
}

absl::StatusOr<Investigation> InvestigationDesk::ReadFor(const identity::Principal& caller, absl::string_view name) {
  POSTERN_ASSIGN_OR_RETURN(const storage::InvestigationRow row, plane_.store->ReadInvestigation(name));
  POSTERN_RETURN_IF_ERROR(CheckMayHandle(caller, row.investigation));
  return row.investigation;
}

absl::StatusOr<Investigation> InvestigationDesk::CountExport(const identity::Principal& caller,
                                                             absl::string_view name) {
  absl::MutexLock lock(&plane_.mutex);
  POSTERN_ASSIGN_OR_RETURN(storage::InvestigationRow row, plane_.store->ReadInvestigation(name));
  POSTERN_RETURN_IF_ERROR(CheckMayHandle(caller, row.investigation));
  row.investigation.set_export_count(row.investigation.export_count() + 1);
  POSTERN_RETURN_IF_ERROR(Put(row, caller.name, "investigation.evidence_exported"));
  return row.investigation;
}

absl::StatusOr<v1::ListInvestigationsResponse> InvestigationDesk::List(const v1::ListInvestigationsRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(const int size, registry::PageSize(request.page_size(), kDefaultPage, kMaxPage));
  POSTERN_ASSIGN_OR_RETURN(const int64_t offset, registry::PositionToken(request.page_token()));
  POSTERN_ASSIGN_OR_RETURN(std::vector<storage::InvestigationRow> rows,
                           plane_.store->ListInvestigations(request.open_only(), offset, size));
  v1::ListInvestigationsResponse response;
  for (storage::InvestigationRow& row : rows) *response.add_investigations() = std::move(row.investigation);
  if (static_cast<int>(rows.size()) == size) response.set_next_page_token(absl::StrCat(offset + size));
  return response;
}

absl::StatusOr<storage::InvestigationRow> InvestigationDesk::ReadOpen(absl::string_view name,
                                                                      const identity::Principal& caller) {
  POSTERN_ASSIGN_OR_RETURN(storage::InvestigationRow row, plane_.store->ReadInvestigation(name));
  POSTERN_RETURN_IF_ERROR(CheckMayHandle(caller, row.investigation));
  if (row.investigation.state() == Investigation::STATE_RESOLVED) return errors::InvestigationResolved(name);
  return row;
}

absl::StatusOr<Investigation> InvestigationDesk::Begin(const identity::Principal& caller,
                                                       const v1::BeginInvestigationRequest& request) {
  absl::MutexLock lock(&plane_.mutex);
  POSTERN_ASSIGN_OR_RETURN(storage::InvestigationRow row, ReadOpen(request.name(), caller));
  row.investigation.set_state(Investigation::STATE_INVESTIGATING);
  row.investigation.set_investigator(caller.name);
  POSTERN_RETURN_IF_ERROR(Put(row, caller.name, "investigation.begun"));
  return row.investigation;
}

absl::StatusOr<Investigation> InvestigationDesk::Freeze(const identity::Principal& caller,
                                                        const v1::FreezeForInvestigationRequest& request) {
  if (request.partner().empty() && request.category().empty()) {
    return InvalidField("partner", "is missing, and so is a category");
  }
  if (!request.partner().empty()) {
    POSTERN_RETURN_IF_ERROR(registry::ReadPartner(*plane_.store, request.partner()).status());
  }
  if (!request.category().empty()) {
    POSTERN_RETURN_IF_ERROR(CheckCategory(*plane_.snapshots->Get(), request.category()));
  }
  absl::MutexLock lock(&plane_.mutex);
  POSTERN_ASSIGN_OR_RETURN(storage::InvestigationRow row, ReadOpen(request.name(), caller));
  for (const v1::Freeze& freeze : row.investigation.freezes()) {
    const bool same = freeze.partner() == request.partner() && freeze.category() == request.category();
    if (same && Lasts(freeze) && freeze.has_effective_time()) return row.investigation;
  }
  v1::Freeze& freeze = *row.investigation.add_freezes();
  freeze.set_partner(request.partner());
  freeze.set_category(request.category());
  freeze.set_principal(caller.name);
  registry::SetTime(plane_.clock(), freeze.mutable_time());
  if (!request.category().empty()) {
    POSTERN_RETURN_IF_ERROR(FreezeCategory(&row, caller.name));
    return row.investigation;
  }
  // The reason is on record before the consequence; a crash in between is made good by the next round.
  POSTERN_RETURN_IF_ERROR(Put(row, caller.name, "investigation.frozen"));
  POSTERN_FAILPOINT("rights.freeze_written");
  POSTERN_RETURN_IF_ERROR(SuspendFrozen(&row));
  return row.investigation;
}

absl::Status InvestigationDesk::FreezeCategory(storage::InvestigationRow* row, absl::string_view principal) {
  v1::Freeze& freeze = *row->investigation.mutable_freezes()->rbegin();
  absl::MutexLock control(&plane_.control->mutex);
  registry::Withdrawal withdrawal(plane_.control, GrantsOf(*plane_.snapshots->Get(), freeze));
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::PartnerRow> partners, plane_.store->ListPartners());
  const absl::Time now = plane_.clock();
  storage::ChangeSet change;
  POSTERN_RETURN_IF_ERROR(withdrawal.Prepare(partners, now, &change));
  registry::SetTime(now, freeze.mutable_effective_time());
  freeze.set_withdrawn_count(withdrawal.count());
  POSTERN_RETURN_IF_ERROR(Put(*row, principal, "investigation.frozen", std::move(change)));
  return plane_.control->snapshots->Rebuild();
}

absl::Status InvestigationDesk::SuspendFrozen(storage::InvestigationRow* row) {
  bool changed = false;
  for (v1::Freeze& freeze : *row->investigation.mutable_freezes()) {
    if (!Lasts(freeze) || freeze.has_effective_time() || !freeze.category().empty()) continue;
    const absl::Status status = suspender_.SuspendFor(freeze.partner(), kInvestigation).status();
    // Suspended or terminated already: it gets nothing either way.
    if (!status.ok() && ReasonOf(status) != v1::ERROR_REASON_STATE_TRANSITION) return status;
    registry::SetTime(plane_.clock(), freeze.mutable_effective_time());
    changed = true;
  }
  return changed ? Put(*row, registry::kGatewayPrincipal, "investigation.freeze_effective") : absl::OkStatus();
}

absl::StatusOr<Investigation> InvestigationDesk::Lift(const identity::Principal& caller,
                                                      const v1::LiftFreezesRequest& request) {
  absl::MutexLock lock(&plane_.mutex);
  POSTERN_ASSIGN_OR_RETURN(storage::InvestigationRow row, ReadOpen(request.name(), caller));
  LiftAll(plane_.clock(), &row.investigation);
  POSTERN_RETURN_IF_ERROR(PutAndRebuild(row, caller.name, "investigation.freezes_lifted"));
  return row.investigation;
}

absl::StatusOr<Investigation> InvestigationDesk::Resolve(const identity::Principal& caller,
                                                         const v1::ResolveInvestigationRequest& request) {
  POSTERN_RETURN_IF_ERROR(CheckResolution(request.resolution()));
  absl::MutexLock lock(&plane_.mutex);
  POSTERN_ASSIGN_OR_RETURN(storage::InvestigationRow row, ReadOpen(request.name(), caller));
  Investigation& resolved = row.investigation;
  const absl::Time now = plane_.clock();
  *resolved.mutable_resolution() = request.resolution();
  resolved.mutable_resolution()->set_principal(caller.name);
  registry::SetTime(now, resolved.mutable_resolution()->mutable_time());
  LiftAll(now, &resolved);
  resolved.set_state(Investigation::STATE_RESOLVED);
  resolved.set_overdue(false);

  v1::InvestigationReplyStatement statement;
  statement.set_investigation(resolved.name());
  statement.set_reference(resolved.reference());
  statement.set_origin(plane_.campaigns.origin);
  *statement.mutable_receive_time() = resolved.receive_time();
  *statement.mutable_resolution() = resolved.resolution();
  *statement.mutable_freezes() = resolved.freezes();
  registry::SetTime(now, statement.mutable_issue_time());
  const crypto::PrivateKey* const signers[] = {plane_.campaigns.notice_key};
  POSTERN_ASSIGN_OR_RETURN(const crypto::DsseEnvelope envelope,
                           crypto::DsseSign(kReplyPayloadType, statement.SerializeAsString(), signers));
  *resolved.mutable_reply() = revocation::ToProto(envelope);
  POSTERN_RETURN_IF_ERROR(PutAndRebuild(row, caller.name, "investigation.resolved"));
  return resolved;
}

absl::Status InvestigationDesk::PutAndRebuild(const storage::InvestigationRow& row, absl::string_view principal,
                                              absl::string_view action) {
  absl::MutexLock control(&plane_.control->mutex);
  POSTERN_RETURN_IF_ERROR(Put(row, principal, action));
  return plane_.control->snapshots->Rebuild();
}

absl::Status InvestigationDesk::Put(const storage::InvestigationRow& row, absl::string_view principal,
                                    absl::string_view action, storage::ChangeSet change) {
  const absl::Time now = plane_.clock();
  change.investigations.push_back(row);
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(
      &change.audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE, {now, principal, row.investigation.name()}, action,
      {{"state", Investigation::State_Name(row.investigation.state())}, {"partner", row.investigation.partner()}}));
  POSTERN_RETURN_IF_ERROR(plane_.store->Apply(change).status());
  plane_.control->events->Publish(now, action, row.investigation.name(), principal);
  return absl::OkStatus();
}

absl::Status InvestigationDesk::RunOnce() {
  absl::Status first;
  for (int64_t offset = 0;; offset += kMaxPage) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::InvestigationRow> rows,
                             plane_.store->ListInvestigations(/*open_only=*/true, offset, kMaxPage));
    for (const storage::InvestigationRow& listed : rows) {
      absl::MutexLock lock(&plane_.mutex);
      // Again: somebody may have acted on it since.
      absl::StatusOr<storage::InvestigationRow> row = plane_.store->ReadInvestigation(listed.investigation.name());
      first.Update(row.ok() ? Tick(*std::move(row)) : row.status());
    }
    if (static_cast<int>(rows.size()) < kMaxPage) return first;
  }
}

absl::Status InvestigationDesk::Tick(storage::InvestigationRow row) {
  Investigation& investigation = row.investigation;
  if (investigation.state() == Investigation::STATE_RESOLVED) return absl::OkStatus();
  POSTERN_RETURN_IF_ERROR(SuspendFrozen(&row));
  if (investigation.overdue() || registry::ToTime(investigation.expected_by()) > plane_.clock()) {
    return absl::OkStatus();
  }
  investigation.set_overdue(true);
  return Put(row, registry::kGatewayPrincipal, "investigation.overdue");
}

}  // namespace postern::rights
