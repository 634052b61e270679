// Certificates for tests, good and bad. Failures end the test process: a test without certificates tests nothing.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/pki/authority.h"

namespace postern::testing {

// A certificate chain and its key, PEM.
using client::KeyPairPem;

class TestPki {
 public:
  TestPki();

  // The certificate of the CA of that name, which is made on first use.
  const std::string& CaPem(const std::string& ca);
  KeyPairPem CaPair(const std::string& ca);
  // For "localhost" and 127.0.0.1.
  KeyPairPem Server(const std::string& ca);
  // A client certificate with these SANs, valid from an hour ago for a day.
  KeyPairPem Client(const std::string& ca, const std::vector<std::string>& names);
  KeyPairPem ClientUntil(const std::string& ca, const std::vector<std::string>& names, absl::Time not_before,
                         absl::Time not_after);

 private:
  struct Ca {
    client::Authority authority;
    KeyPairPem pem;
  };
  Ca& Get(const std::string& ca);
  KeyPairPem Issue(const std::string& ca, const client::CertificateRequest& request);

  const absl::Time now_;
  std::map<std::string, Ca> cas_;
};

}  // namespace postern::testing
