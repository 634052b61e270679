#include "server/rights/request_desk.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/disclosure/resolver.h"
#include "server/registry/audit_entry.h"
#include "server/registry/errors.h"
#include "server/registry/page.h"
#include "server/registry/times.h"
#include "server/rights/errors.h"
#include "server/rights/guardians.h"
#include "server/rights/subject_name.h"

namespace postern::rights {
namespace {

using registry::errors::InvalidField;
using Request = v1::SubjectRequest;

constexpr int kMaxFurther = 16;
constexpr int kDefaultPage = 100;
constexpr int kMaxPage = 1000;
constexpr size_t kMaxText = 256;

bool HasNotBegun(const Request& request) {
  return request.state() == Request::STATE_OPEN || request.state() == Request::STATE_NEED_USER_VERIFICATION ||
         request.state() == Request::STATE_SCHEDULED;
}

absl::Status CheckVerification(const v1::IdentityVerification& verification) {
  if (verification.method().empty() || verification.method().size() > kMaxText) {
    return InvalidField("verification.method", "must have 1 to 256 bytes");
  }
  if (verification.evidence().size() > kMaxText) return InvalidField("verification.evidence", "is too long");
  return absl::OkStatus();
}

v1::IdentityVerification Recorded(const v1::IdentityVerification& given, absl::string_view principal, absl::Time now) {
  v1::IdentityVerification verification = given;
  verification.set_principal(std::string(principal));
  registry::SetTime(now, verification.mutable_time());
  return verification;
}

bool SameContent(const Request& a, const Request& b) {
  if (a.kind() != b.kind() || a.guardian() != b.guardian() || a.subjects_size() != b.subjects_size()) return false;
  for (int i = 0; i < a.subjects_size(); ++i) {
    if (a.subjects(i) != b.subjects(i)) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<Request> RequestDesk::Create(const identity::Principal& caller,
                                            const v1::CreateSubjectRequestRequest& request) {
  const absl::Time now = plane_.clock();
  storage::SubjectRequestRow row;
  Request& resource = row.request;
  if (request.kind() == Request::KIND_UNSPECIFIED || !Request::Kind_IsValid(request.kind())) {
    return InvalidField("kind", "is missing or unknown");
  }
  if (request.also_size() > kMaxFurther) return InvalidField("also", "has more than 16 identifiers");
  POSTERN_ASSIGN_OR_RETURN(const storage::Mac16 subject,
                           SubjectOf(plane_.keys->index_key(), "subject", request.subject()));
  resource.add_subjects(SubjectName(subject));
  for (const v1::SubjectRef& further : request.also()) {
    POSTERN_ASSIGN_OR_RETURN(const storage::Mac16 one, SubjectOf(plane_.keys->index_key(), "also", further));
    if (one != subject) resource.add_subjects(SubjectName(one));
  }
  POSTERN_ASSIGN_OR_RETURN(row.request_id, disclosure::CheckRequestId(request.request_id(), now));
  row.principal = disclosure::ShortDigest({"postern principal", caller.name});
  resource.set_kind(request.kind());
  resource.set_state(Request::STATE_NEED_USER_VERIFICATION);
  registry::SetTime(now, resource.mutable_receive_time());
  if (request.has_guardian()) {
    POSTERN_ASSIGN_OR_RETURN(const storage::Mac16 guardian,
                             SubjectOf(plane_.keys->index_key(), "guardian", request.guardian()));
    resource.set_guardian(SubjectName(guardian));
  }
  const bool urgent = request.has_guardian() && !base::FailpointSkips("guardian_first.skip");
  const absl::Duration term = urgent ? kGuardianTerm : kRequestTerm;
  registry::SetTime(now + term, resource.mutable_expected_by());
  if (request.has_verification()) {
    POSTERN_RETURN_IF_ERROR(CheckVerification(request.verification()));
    *resource.mutable_verification() = Recorded(request.verification(), caller.name, now);
    resource.set_state(Request::STATE_OPEN);
  }

  absl::MutexLock lock(&plane_.mutex);
  POSTERN_RETURN_IF_ERROR(CheckMayHandle(ledger_, caller, resource));
  POSTERN_RETURN_IF_ERROR(CheckAsker(resource));
  if (request.validate_only()) {
    if (request.kind() != Request::KIND_ACCESS) POSTERN_RETURN_IF_ERROR(eraser_.Preview(&resource));
    return resource;
  }
  const auto original = plane_.store->FindSubjectRequest(row.principal, row.request_id);
  if (original.ok()) {
    if (!SameContent(original->request, resource)) return errors::RequestIdReused();
    return original->request;
  }
  if (!absl::IsNotFound(original.status())) return original.status();
  POSTERN_ASSIGN_OR_RETURN(const crypto::Uuid id, ids_.Next(now));
  resource.set_name(absl::StrCat("subjectRequests/", id.ToString()));
  POSTERN_RETURN_IF_ERROR(Put(row, caller.name, "subject_request.created"));
  return resource;
}

absl::StatusOr<Request> RequestDesk::Get(const v1::GetSubjectRequestRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(storage::SubjectRequestRow row, plane_.store->ReadSubjectRequest(request.name()));
  POSTERN_RETURN_IF_ERROR(eraser_.ReadProgress(&row.request));
  return std::move(row.request);
}

absl::StatusOr<v1::ListSubjectRequestsResponse> RequestDesk::List(const v1::ListSubjectRequestsRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(const int size, registry::PageSize(request.page_size(), kDefaultPage, kMaxPage));
  POSTERN_ASSIGN_OR_RETURN(const int64_t offset, registry::PositionToken(request.page_token()));
  POSTERN_ASSIGN_OR_RETURN(std::vector<storage::SubjectRequestRow> rows,
                           plane_.store->ListSubjectRequests(request.open_only(), offset, size));
  v1::ListSubjectRequestsResponse response;
  for (storage::SubjectRequestRow& row : rows) *response.add_subject_requests() = std::move(row.request);
  if (static_cast<int>(rows.size()) == size) response.set_next_page_token(absl::StrCat(offset + size));
  return response;
}

absl::Status RequestDesk::CheckAsker(const Request& request) {
  if (request.guardian().empty()) return absl::OkStatus();
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::Mac16> subjects, SubjectsOf(request));
  return CheckGuardian(ledger_, subjects, request.guardian());
}

absl::StatusOr<storage::SubjectRequestRow> RequestDesk::ReadWaiting(absl::string_view name,
                                                                    const identity::Principal& caller) {
  POSTERN_ASSIGN_OR_RETURN(storage::SubjectRequestRow row, plane_.store->ReadSubjectRequest(name));
  POSTERN_RETURN_IF_ERROR(CheckMayHandle(ledger_, caller, row.request));
  if (!HasNotBegun(row.request)) return errors::RequestState(name, row.request.state());
  return row;
}

absl::StatusOr<Request> RequestDesk::Verify(const identity::Principal& caller,
                                            const v1::VerifySubjectRequestRequest& request) {
  POSTERN_RETURN_IF_ERROR(CheckVerification(request.verification()));
  absl::MutexLock lock(&plane_.mutex);
  POSTERN_ASSIGN_OR_RETURN(storage::SubjectRequestRow row, plane_.store->ReadSubjectRequest(request.name()));
  POSTERN_RETURN_IF_ERROR(CheckMayHandle(ledger_, caller, row.request));
  if (row.request.state() != Request::STATE_NEED_USER_VERIFICATION) {
    return errors::RequestState(request.name(), row.request.state());
  }
  *row.request.mutable_verification() = Recorded(request.verification(), caller.name, plane_.clock());
  row.request.set_state(Request::STATE_OPEN);
  POSTERN_RETURN_IF_ERROR(Put(row, caller.name, "subject_request.verified"));
  return row.request;
}

absl::StatusOr<Request> RequestDesk::Run(const identity::Principal& caller,
                                         const v1::RunSubjectRequestRequest& request) {
  absl::MutexLock lock(&plane_.mutex);
  POSTERN_ASSIGN_OR_RETURN(storage::SubjectRequestRow row, ReadWaiting(request.name(), caller));
  if (!row.request.has_verification() && !base::FailpointSkips("verification.skip")) {
    return errors::IdentityUnverified(request.name());
  }
  POSTERN_RETURN_IF_ERROR(CheckAsker(row.request));
  if (row.request.kind() == Request::KIND_ACCESS) {
    // The report is read from the ledger when it is asked for, so nothing of it is kept.
    POSTERN_RETURN_IF_ERROR(End(&row, Request::STATE_FULFILLED, caller.name, "subject_request.fulfilled"));
    return row.request;
  }
  POSTERN_RETURN_IF_ERROR(eraser_.Run(&row, caller.name));
  return row.request;
}

absl::StatusOr<Request> RequestDesk::Deny(const identity::Principal& caller,
                                          const v1::DenySubjectRequestRequest& request) {
  if (request.reason() == Request::DENIAL_REASON_UNSPECIFIED || !Request::DenialReason_IsValid(request.reason())) {
    return InvalidField("reason", "is missing or unknown");
  }
  absl::MutexLock lock(&plane_.mutex);
  POSTERN_ASSIGN_OR_RETURN(storage::SubjectRequestRow row, ReadWaiting(request.name(), caller));
  row.request.set_denial_reason(request.reason());
  POSTERN_RETURN_IF_ERROR(End(&row, Request::STATE_DENIED, caller.name, "subject_request.denied"));
  return row.request;
}

absl::StatusOr<Request> RequestDesk::Cancel(const identity::Principal& caller,
                                            const v1::CancelSubjectRequestRequest& request) {
  absl::MutexLock lock(&plane_.mutex);
  POSTERN_ASSIGN_OR_RETURN(storage::SubjectRequestRow row, ReadWaiting(request.name(), caller));
  POSTERN_RETURN_IF_ERROR(End(&row, Request::STATE_CANCELLED, caller.name, "subject_request.cancelled"));
  return row.request;
}

absl::Status RequestDesk::Put(const storage::SubjectRequestRow& row, absl::string_view principal,
                              absl::string_view action) {
  storage::ChangeSet change;
  change.subject_requests.push_back(row);
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(
      &change.audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE, {plane_.clock(), principal, row.request.name()}, action,
      {{"kind", Request::Kind_Name(row.request.kind())}, {"state", Request::State_Name(row.request.state())}}));
  return plane_.store->Apply(change).status();
}

absl::Status RequestDesk::End(storage::SubjectRequestRow* row, Request::State state, absl::string_view principal,
                              absl::string_view action) {
  row->request.set_state(state);
  row->request.set_wait_reason(Request::WAIT_REASON_UNSPECIFIED);
  row->request.clear_hold_ground();
  row->request.clear_hold_end_time();
  row->request.set_overdue(false);
  registry::SetTime(plane_.clock(), row->request.mutable_end_time());
  return Put(*row, principal, action);
}

absl::Status RequestDesk::RunOnce() {
  // All of them first: one that ends leaves the list and would move another past the end of a page.
  std::vector<std::string> open;
  for (int64_t offset = 0;; offset += kMaxPage) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::SubjectRequestRow> rows,
                             plane_.store->ListSubjectRequests(/*open_only=*/true, offset, kMaxPage));
    for (const storage::SubjectRequestRow& row : rows) open.push_back(row.request.name());
    if (static_cast<int>(rows.size()) < kMaxPage) break;
  }
  absl::Status first;
  for (const std::string& name : open) {
    absl::MutexLock lock(&plane_.mutex);
    // Again: somebody may have acted on it since.
    absl::StatusOr<storage::SubjectRequestRow> row = plane_.store->ReadSubjectRequest(name);
    first.Update(row.ok() ? Tick(*std::move(row)) : row.status());
  }
  return first;
}

absl::Status RequestDesk::Tick(storage::SubjectRequestRow row) {
  const absl::Time now = plane_.clock();
  Request& request = row.request;
  if (HasNotBegun(request)) {
    const absl::Status asker = CheckAsker(request);
    // Whoever came of age decides alone.
    if (absl::IsFailedPrecondition(asker)) {
      return End(&row, Request::STATE_EXPIRED, registry::kGatewayPrincipal, "subject_request.guardian_gone");
    }
    POSTERN_RETURN_IF_ERROR(asker);
  }
  switch (request.state()) {
    case Request::STATE_NEED_USER_VERIFICATION:
      if (registry::ToTime(request.receive_time()) + kVerificationTerm > now) break;
      return End(&row, Request::STATE_EXPIRED, registry::kGatewayPrincipal, "subject_request.expired");
    case Request::STATE_SCHEDULED:
      POSTERN_RETURN_IF_ERROR(eraser_.Run(&row, registry::kGatewayPrincipal));
      break;
    case Request::STATE_IN_PROGRESS:
      if (!request.has_effective_time()) POSTERN_RETURN_IF_ERROR(eraser_.Continue(&row));
      POSTERN_RETURN_IF_ERROR(eraser_.ReadProgress(&request));
      if (!Eraser::EveryoneAnswered(request)) break;
      return End(&row, Request::STATE_FULFILLED, registry::kGatewayPrincipal, "subject_request.fulfilled");
    default:
      break;
  }
  if (request.has_end_time() || request.overdue() || registry::ToTime(request.expected_by()) > now) {
    return absl::OkStatus();
  }
  request.set_overdue(true);
  POSTERN_RETURN_IF_ERROR(Put(row, registry::kGatewayPrincipal, "subject_request.overdue"));
  plane_.control->events->Publish(now, "subject_request.overdue", request.name(), registry::kGatewayPrincipal);
  return absl::OkStatus();
}

}  // namespace postern::rights
