// Complaints and what follows from them: taken, looked into, something stopped meanwhile, resolved, answered in form.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/postern/v1/investigation_service.pb.h"
#include "server/crypto/uuid7.h"
#include "server/identity/principal.h"
#include "server/revocation/suspender.h"
#include "server/rights/plane.h"
#include "server/rights/subject_ledger.h"

namespace postern::rights {

inline constexpr absl::string_view kReplyPayloadType = "application/vnd.postern.investigation-reply.v1+protobuf";
// The reason of the suspension of a frozen partner. Only a person resumes it.
inline constexpr absl::string_view kInvestigation = "investigation";

// Thread-safe; methods block on the store. Errors of all methods besides those named: INVALID_ARGUMENT, NOT_FOUND,
// ROLE_DENIED where a minor is concerned, LEDGER_UNAVAILABLE. INVESTIGATION_STATE where it is resolved already.
class InvestigationDesk {
 public:
  InvestigationDesk(RightsPlane* plane, SubjectLedger* ledger, revocation::Suspender* suspender)
      : plane_(*plane), ledger_(*ledger), suspender_(*suspender) {}

  // REQUEST_ID_INVALID, REQUEST_ID_EXPIRED, PARTNER_UNKNOWN.
  absl::StatusOr<v1::Investigation> Create(const identity::Principal& caller,
                                           const v1::CreateInvestigationRequest& request);
  absl::StatusOr<v1::Investigation> Get(const identity::Principal& caller, const v1::GetInvestigationRequest& request);
  absl::StatusOr<v1::ListInvestigationsResponse> List(const v1::ListInvestigationsRequest& request);
  absl::StatusOr<v1::Investigation> Begin(const identity::Principal& caller,
                                          const v1::BeginInvestigationRequest& request);
  // When it returns, nothing of what was stopped is disclosed or handed over. A category: what waits under a grant that
  // releases it is withdrawn, and new disclosures under one are refused with CATEGORY_FROZEN. A partner: it is
  // suspended. Of several partners whose grants are stopped, all are or none is. PARTNER_UNKNOWN, POLICY_ABSENT.
  absl::StatusOr<v1::Investigation> Freeze(const identity::Principal& caller,
                                           const v1::FreezeForInvestigationRequest& request);
  absl::StatusOr<v1::Investigation> Lift(const identity::Principal& caller, const v1::LiftFreezesRequest& request);
  absl::StatusOr<v1::Investigation> Resolve(const identity::Principal& caller,
                                            const v1::ResolveInvestigationRequest& request);

  // What time brings, and what a crash interrupted: partners that are to be suspended, terms that ended. Goes on after
  // an error and returns the first. Also at start, before anything is served.
  absl::Status RunOnce();

  // For evidence of it; resolved or not. The first one counts an export.
  absl::StatusOr<v1::Investigation> CountExport(const identity::Principal& caller, absl::string_view name);
  absl::StatusOr<v1::Investigation> ReadFor(const identity::Principal& caller, absl::string_view name);

 private:
  absl::Status CheckMayHandle(const identity::Principal& caller, const v1::Investigation& investigation);
  // The caller holds the plane's mutex for all of them.
  absl::StatusOr<storage::InvestigationRow> ReadOpen(absl::string_view name, const identity::Principal& caller);
  absl::Status Put(const storage::InvestigationRow& row, absl::string_view principal, absl::string_view action,
                   storage::ChangeSet change = {});
  // The same, and what is stopped afterwards is in force when it returns.
  absl::Status PutAndRebuild(const storage::InvestigationRow& row, absl::string_view principal,
                             absl::string_view action);
  absl::Status FreezeCategory(storage::InvestigationRow* row, absl::string_view principal);
  // Suspends the partners of freezes that are not in force yet.
  absl::Status SuspendFrozen(storage::InvestigationRow* row);
  absl::Status Tick(storage::InvestigationRow row);

  RightsPlane& plane_;
  SubjectLedger& ledger_;
  revocation::Suspender& suspender_;
  crypto::Uuid7Generator ids_;
};

}  // namespace postern::rights
