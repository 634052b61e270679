#include "server/revocation/errors.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/registry/errors.h"

namespace postern::revocation::errors {
namespace {

absl::Status Refused(v1::ErrorReason reason, absl::string_view notice, absl::string_view what) {
  return MakeError(reason, absl::StrCat(notice, ": ", what), {{"notice", notice}});
}

}  // namespace

absl::Status ConfirmationRequired(absl::string_view name) {
  return MakeError(v1::ERROR_REASON_CONFIRMATION_REQUIRED, absl::StrCat("termination is for good: confirm with ", name),
                   {{"resource", name}});
}

absl::Status PartnerSuspended(absl::string_view name) {
  return MakeError(v1::ERROR_REASON_PARTNER_SUSPENDED, absl::StrCat(name, " is suspended"), {{"partner", name}});
}

absl::Status CheckReason(absl::string_view reason) {
  const auto of_token = [](char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_'; };
  if (!reason.empty() && reason.size() <= 63 && std::all_of(reason.begin(), reason.end(), of_token)) {
    return absl::OkStatus();
  }
  return registry::errors::InvalidField("reason", "must have 1 to 63 of a-z, 0-9 and underscore");
}

absl::Status AttestationSignature(absl::string_view notice, absl::string_view what) {
  return Refused(v1::ERROR_REASON_ATTESTATION_SIGNATURE, notice, what);
}

absl::Status AttestationNoticeDigest(absl::string_view notice, absl::string_view what) {
  return Refused(v1::ERROR_REASON_ATTESTATION_NOTICE_DIGEST, notice, what);
}

absl::Status AttestationReplayed(absl::string_view notice) {
  return Refused(v1::ERROR_REASON_ATTESTATION_REPLAYED, notice, "was attested before");
}

absl::Status AttestationTime(absl::string_view notice, absl::string_view what) {
  return Refused(v1::ERROR_REASON_ATTESTATION_TIME, notice, what);
}

absl::Status AttestationGap(absl::string_view notice, size_t missing) {
  return MakeError(v1::ERROR_REASON_ATTESTATION_GAP, absl::StrCat(notice, ": ", missing, " handles have no outcome"),
                   {{"notice", notice}, {"missing", absl::StrCat(missing)}});
}

absl::Status AttestationForeignHandle(absl::string_view notice, size_t foreign) {
  return MakeError(v1::ERROR_REASON_ATTESTATION_FOREIGN_HANDLE,
                   absl::StrCat(notice, ": ", foreign, " outcomes are for handles that are not in it"),
                   {{"notice", notice}, {"foreign", absl::StrCat(foreign)}});
}

absl::Status AttestationAmendment(absl::string_view notice, absl::string_view what) {
  return Refused(v1::ERROR_REASON_ATTESTATION_AMENDMENT, notice, what);
}

absl::Status AttestationExemption(absl::string_view notice, absl::string_view what) {
  return Refused(v1::ERROR_REASON_ATTESTATION_EXEMPTION, notice, what);
}

absl::Status AttestationMalformed(absl::string_view notice, absl::string_view what) {
  return Refused(v1::ERROR_REASON_INVALID_ARGUMENT, notice, what);
}

absl::Status PrivacyOfficerFirst(absl::string_view notice) {
  return Refused(v1::ERROR_REASON_ROLE_DENIED, notice, "a privacy officer must record the document first");
}

}  // namespace postern::revocation::errors
