// The access report: everything that was disclosed about a person, read from the ledger when it is asked for.
#pragma once

#include "absl/status/statusor.h"
#include "proto/postern/v1/subject_rights_service.pb.h"
#include "server/identity/principal.h"
#include "server/rights/plane.h"
#include "server/rights/subject_ledger.h"

namespace postern::rights {

// Thread-safe.
class AccessReporter {
 public:
  // `verifier_key` is the checkpoint's.
  AccessReporter(RightsPlane* plane, SubjectLedger* ledger, std::string verifier_key)
      : plane_(*plane), ledger_(*ledger), verifier_key_(std::move(verifier_key)) {}

  // A page of the report. NOT_FOUND; ROLE_DENIED for a minor's; REQUEST_STATE unless the request is a fulfilled one for
  // access; INVALID_ARGUMENT; LEDGER_UNAVAILABLE.
  absl::StatusOr<v1::GetAccessReportResponse> Report(const identity::Principal& caller,
                                                     const v1::GetAccessReportRequest& request);

 private:
  RightsPlane& plane_;
  SubjectLedger& ledger_;
  const std::string verifier_key_;
};

}  // namespace postern::rights
