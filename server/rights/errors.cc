#include "server/rights/errors.h"

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"

namespace postern::rights::errors {

absl::Status IdentityUnverified(absl::string_view request) {
  return MakeError(v1::ERROR_REASON_IDENTITY_UNVERIFIED, "no verification of the person's identity is on record",
                   {{"resource", request}});
}

absl::Status RequestState(absl::string_view request, v1::SubjectRequest::State state) {
  const std::string& name = v1::SubjectRequest::State_Name(state);
  return MakeError(v1::ERROR_REASON_REQUEST_STATE, absl::StrCat("the request is in ", name),
                   {{"resource", request}, {"state", name}});
}

absl::Status RequestIdReused() {
  return MakeError(v1::ERROR_REASON_REQUEST_ID_REUSED, "the request id was used for another request");
}

absl::Status GuardianUnlinked(absl::string_view subject) {
  return MakeError(v1::ERROR_REASON_GUARDIAN_UNLINKED, "no link on record makes the person this minor's guardian",
                   {{"resource", subject}});
}

absl::Status OrderShipped() {
  return MakeError(v1::ERROR_REASON_ORDER_SHIPPED, "the order is shipped: its delivery can no longer be re-routed");
}

absl::Status MinorsOfficerOnly() {
  return MakeError(v1::ERROR_REASON_ROLE_DENIED, "what concerns minors needs the role of a minors' officer");
}

absl::Status InvestigationResolved(absl::string_view investigation) {
  return MakeError(v1::ERROR_REASON_INVESTIGATION_STATE, "the investigation is resolved",
                   {{"resource", investigation}});
}

}  // namespace postern::rights::errors
