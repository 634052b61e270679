// Errors of server/identity. Names in certificates are public: they are how a caller presents itself.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace postern::identity::errors {

// UNAUTHENTICATED: there is no certificate, or it is not one.
absl::Status NoCertificate();
// UNAUTHENTICATED: no trust bundle vouches for the certificate; `detail` is OpenSSL's word for it.
absl::Status Untrusted(absl::string_view detail);
// UNAUTHENTICATED: the certificate is vouched for, but its name is nobody's on this listener.
absl::Status NameUnknown(absl::string_view san);
// IDENTITY_AMBIGUOUS: none or several usable names, or a name of several partners.
absl::Status Ambiguous(absl::string_view what);
// CREDENTIAL_EXPIRED: the certificate or one that vouches for it is out of its time.
absl::Status Expired();
// ROLE_DENIED.
absl::Status RoleDenied(absl::string_view method);
// ROLE_DENIED: the person's confidentiality agreement is not in force (W3b).
absl::Status AgreementNotInForce();
// INVALID_ARGUMENT: a trust bundle, certificate request or CA is not what it should be.
absl::Status Malformed(absl::string_view what);
// NOT_FOUND, with metadata "path".
absl::Status FileMissing(absl::string_view path);

}  // namespace postern::identity::errors
