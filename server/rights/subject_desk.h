// What is on record about a person: consents, restrictions and objections, suppression, legal holds.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/postern/v1/subject_rights_service.pb.h"
#include "server/crypto/uuid7.h"
#include "server/identity/principal.h"
#include "server/rights/plane.h"
#include "server/rights/recall.h"
#include "server/rights/subject_ledger.h"

namespace postern::rights {

// Thread-safe; methods block on the store. Errors of all methods besides those named: INVALID_ARGUMENT, POLICY_ABSENT,
// LEDGER_UNAVAILABLE. What a method did when it failed after its first step is finished by Resume at the next start, or
// by calling it again.
class SubjectDesk {
 public:
  SubjectDesk(RightsPlane* plane, SubjectLedger* ledger) : plane_(*plane), ledger_(*ledger) {}

  absl::StatusOr<v1::Subject> Describe(const v1::DescribeSubjectRequest& request);
  // A withdrawal is in force when this returns: disclosures that need the consent are refused or go without what needs
  // it, queued ones are withdrawn, and partners that rely on it have their notices. GUARDIAN_UNLINKED.
  absl::StatusOr<v1::SetConsentResponse> SetConsent(const identity::Principal& caller,
                                                    const v1::SetConsentRequest& request);
  absl::StatusOr<v1::SetRestrictionResponse> SetRestriction(const identity::Principal& caller,
                                                            const v1::SetRestrictionRequest& request);
  // NOT_FOUND if the person is not suppressed.
  absl::StatusOr<v1::Subject> LiftSuppression(const identity::Principal& caller,
                                              const v1::LiftSuppressionRequest& request);
  absl::StatusOr<v1::Subject> SetGuardian(const identity::Principal& caller, const v1::SetGuardianRequest& request);
  absl::StatusOr<v1::Subject> PlaceLegalHold(const identity::Principal& caller,
                                             const v1::PlaceLegalHoldRequest& request);
  // NOT_FOUND.
  absl::StatusOr<v1::Subject> ReleaseLegalHold(const identity::Principal& caller,
                                               const v1::ReleaseLegalHoldRequest& request);

  // Takes up what a crash interrupted. At start, before anything is served to partners.
  absl::Status Resume();

 private:
  using Record = storage::SubjectRecordRow;
  struct Finished {
    v1::RecallEffect effect;
    std::vector<v1::DeletionCampaign> campaigns;
  };

  // Writes `record` with an audit entry. The caller holds the plane's mutex.
  absl::Status Write(const Record& record, absl::string_view principal, absl::string_view action);
  // Does what `record`, which is written, still asks for, and writes that it is done.
  absl::StatusOr<Finished> Finish(Record record);
  absl::Status CheckConsentGiver(const v1::SetConsentRequest& request, const storage::Mac16& subject);
  absl::StatusOr<storage::Mac16> Find(const v1::SubjectRef& ref) const;

  RightsPlane& plane_;
  SubjectLedger& ledger_;
  crypto::Uuid7Generator ids_;
};

}  // namespace postern::rights
