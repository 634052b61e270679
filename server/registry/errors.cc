#include "server/registry/errors.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/registry/bundle_registry.h"

namespace postern::registry {
namespace {

constexpr absl::string_view kDiagnosticsUrl = "type.googleapis.com/postern.v1.PolicyDiagnostics";

}  // namespace

namespace errors {

absl::Status PartnerUnknown(absl::string_view name) {
  return MakeError(v1::ERROR_REASON_PARTNER_UNKNOWN, absl::StrCat("no partner ", name), {{"partner", name}});
}

absl::Status NotFound(absl::string_view name) {
  return MakeError(v1::ERROR_REASON_NOT_FOUND, absl::StrCat(name, " does not exist"), {{"resource", name}});
}

absl::Status PartnerExists(absl::string_view name) {
  return MakeError(v1::ERROR_REASON_ALREADY_EXISTS, absl::StrCat(name, " exists already"), {{"resource", name}});
}

absl::Status IdentityTaken(absl::string_view identity, absl::string_view holder) {
  return MakeError(v1::ERROR_REASON_ALREADY_EXISTS, absl::StrCat("identity ", identity, " belongs to ", holder),
                   {{"identity", identity}, {"resource", holder}});
}

absl::Status InvalidField(absl::string_view field, absl::string_view what) {
  return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, absl::StrCat(field, ": ", what), {{"field", field}});
}

absl::Status EtagMismatch(absl::string_view name) {
  return MakeError(v1::ERROR_REASON_ETAG_MISMATCH, absl::StrCat(name, " has changed: read it again"),
                   {{"resource", name}});
}

absl::Status StateTransition(absl::string_view name, absl::string_view from, absl::string_view to) {
  return MakeError(v1::ERROR_REASON_STATE_TRANSITION, absl::StrCat(name, " cannot go from ", from, " to ", to),
                   {{"resource", name}, {"from", from}, {"to", to}});
}

absl::Status PartnerTerminated(absl::string_view name) {
  return MakeError(v1::ERROR_REASON_PARTNER_TERMINATED,
                   absl::StrCat(name, " is revoked for good: a new relationship is a new partner"),
                   {{"partner", name}});
}

absl::Status GrantsNarrowed(absl::string_view name) {
  return MakeError(v1::ERROR_REASON_FENCED, absl::StrCat("the grants of ", name, " became narrower: connect again"),
                   {{"partner", name}});
}

absl::Status SecondPersonRequired(absl::string_view name) {
  return MakeError(v1::ERROR_REASON_SECOND_PERSON_REQUIRED, absl::StrCat(name, " must be approved by another person"),
                   {{"resource", name}});
}

absl::Status ContractNotInForce(absl::string_view contract, absl::string_view what) {
  return MakeError(v1::ERROR_REASON_CONTRACT_NOT_IN_FORCE, absl::StrCat(contract, ": ", what),
                   {{"contract", contract}});
}

absl::Status DocumentExpired(absl::string_view contract, absl::string_view document_kind) {
  return MakeError(v1::ERROR_REASON_DOCUMENT_EXPIRED,
                   absl::StrCat(contract, ": its ", document_kind, " is not valid today"),
                   {{"contract", contract}, {"document", document_kind}});
}

absl::Status PolicyAbsent() {
  return MakeError(v1::ERROR_REASON_POLICY_ABSENT, "no policy bundle is applied");
}

absl::Status PolicyInvalid(const v1::PolicyDiagnostics& diagnostics) {
  int count = 0;
  std::string first;
  for (const v1::PolicyDiagnostic& diagnostic : diagnostics.diagnostics()) {
    if (diagnostic.error() && ++count == 1) {
      first = absl::StrCat(diagnostic.file(), ":", diagnostic.line(), ": ", diagnostic.message());
    }
  }
  absl::Status status = MakeError(v1::ERROR_REASON_POLICY_INVALID,
                                  absl::StrCat("the bundle does not compile, ", count, " errors, first: ", first));
  status.SetPayload(kDiagnosticsUrl, absl::Cord(diagnostics.SerializeAsString()));
  return status;
}

absl::Status StoreInconsistent(absl::string_view what) {
  return absl::InternalError(absl::StrCat("stored state contradicts itself: ", what));
}

}  // namespace errors

v1::PolicyDiagnostics PolicyDiagnosticsOf(const absl::Status& status) {
  v1::PolicyDiagnostics diagnostics;
  if (const auto payload = status.GetPayload(kDiagnosticsUrl)) {
    if (!diagnostics.ParseFromString(std::string(*payload))) diagnostics.Clear();
  }
  return diagnostics;
}

}  // namespace postern::registry
