// Certificates for the tests of this folder.
#pragma once

#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "client/pki/authority.h"

namespace postern::identity {

// Midday of a day within every certificate's time, unless a test says otherwise.
inline absl::Time Noon() {
  return absl::FromCivil(absl::CivilHour(2026, 6, 15, 12), absl::UTCTimeZone());
}

inline client::Authority NewCa(const std::string& name) {
  return client::Authority::Create(name, Noon() - absl::Hours(24 * 100), Noon() + absl::Hours(24 * 100)).value();
}

inline std::string CaPem(const client::Authority& ca) {
  return ca.Pem()->certificate;
}

inline client::KeyPairPem Issue(const client::Authority& ca, std::vector<std::string> names,
                                absl::Time not_after = Noon() + absl::Hours(24), bool client = true) {
  client::CertificateRequest request;
  request.names = std::move(names);
  request.client = client;
  request.server = !client;
  request.not_before = Noon() - absl::Hours(24);
  request.not_after = not_after;
  return ca.Issue(request).value();
}

}  // namespace postern::identity
