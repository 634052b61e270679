// Invented people that one partner alone gets, and tracing what turned up elsewhere to whoever received it.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/postern/v1/supervision_service.pb.h"
#include "server/identity/principal.h"
#include "server/rights/plane.h"
#include "server/rights/subject_ledger.h"
#include "server/supervision/supervisor.h"

namespace postern::supervision {

// Thread-safe; methods block on the store. Errors of all methods besides those named: INVALID_ARGUMENT,
// LEDGER_UNAVAILABLE.
class CanaryDesk {
 public:
  CanaryDesk(rights::RightsPlane* plane, rights::SubjectLedger* ledger, Supervisor* supervisor)
      : plane_(*plane), ledger_(*ledger), supervisor_(*supervisor) {}

  // From its return on, records of the person are refused with CANARY_RESERVED to every other partner. CANARY_RESERVED
  // if the person is another partner's or was disclosed before; PARTNER_UNKNOWN.
  absl::StatusOr<v1::Canary> Plant(const identity::Principal& caller, const v1::PlantCanaryRequest& request);
  absl::StatusOr<v1::TraceLeakResponse> Trace(const identity::Principal& caller, const v1::TraceLeakRequest& request);

 private:
  absl::StatusOr<std::optional<v1::Canary>> Find(const storage::Mac16& subject);
  absl::Status AddRecipients(const storage::Mac16& subject, v1::TraceLeakResponse* response);
  // The partner under whose key `id` becomes `pseudonym`; empty if it is none's.
  std::string PartnerOfPseudonym(absl::string_view id, absl::string_view pseudonym) const;

  rights::RightsPlane& plane_;
  rights::SubjectLedger& ledger_;
  Supervisor& supervisor_;
};

}  // namespace postern::supervision
