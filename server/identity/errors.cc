#include "server/identity/errors.h"

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"

namespace postern::identity::errors {

absl::Status NoCertificate() {
  return MakeError(v1::ERROR_REASON_UNAUTHENTICATED, "the caller presented no usable certificate");
}

absl::Status Untrusted(absl::string_view detail) {
  return MakeError(v1::ERROR_REASON_UNAUTHENTICATED,
                   absl::StrCat("no trust bundle vouches for the certificate: ", detail));
}

absl::Status NameUnknown(absl::string_view san) {
  return MakeError(v1::ERROR_REASON_UNAUTHENTICATED, "the certificate's name is not known here", {{"san", san}});
}

absl::Status Ambiguous(absl::string_view what) {
  return MakeError(v1::ERROR_REASON_IDENTITY_AMBIGUOUS, what);
}

absl::Status Expired() {
  return MakeError(v1::ERROR_REASON_CREDENTIAL_EXPIRED, "the certificate is outside its validity");
}

absl::Status RoleDenied(absl::string_view method) {
  return MakeError(v1::ERROR_REASON_ROLE_DENIED, "the caller's roles do not include this method", {{"method", method}});
}

absl::Status AgreementNotInForce() {
  return MakeError(v1::ERROR_REASON_ROLE_DENIED, "the caller's confidentiality agreement is not in force",
                   {{"clause", "W3b"}});
}

absl::Status Malformed(absl::string_view what) {
  return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, what);
}

absl::Status FileMissing(absl::string_view path) {
  return MakeError(v1::ERROR_REASON_NOT_FOUND, absl::StrCat(path, " does not exist"), {{"path", path}});
}

}  // namespace postern::identity::errors
