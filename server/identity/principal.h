// Who calls. Made from a verified TLS peer, never from anything the caller says.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace postern::identity {

enum class Role { kStorefront, kPartner, kViewer, kOperator, kPrivacyOfficer, kAuditor, kMinorsOfficer };

// An authenticated caller.
struct Principal {
  std::string name;                // "storefront/{san}", "partners/{partner}" or "operators/{san}"
  std::string san;                 // the one SPIFFE URI or DNS SAN
  std::vector<Role> roles;         // at least one
  std::string partner;             // "partners/{partner}" for partners, else empty
  absl::Time not_after;            // of the certificate
  std::string certificate_digest;  // lower-case hex SHA-256 of the DER leaf
  bool Has(Role role) const;
};

}  // namespace postern::identity
