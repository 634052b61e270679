#include "tests/support/test_pki.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/time/clock.h"

namespace postern::testing {
namespace {

template <class T>
T OrDie(absl::StatusOr<T> value) {
  if (value.ok()) return *std::move(value);
  std::fprintf(stderr, "test PKI: %s\n", value.status().ToString().c_str());
  std::abort();
}

}  // namespace

TestPki::TestPki() : now_(absl::Now()) {}

TestPki::Ca& TestPki::Get(const std::string& ca) {
  const auto found = cas_.find(ca);
  if (found != cas_.end()) return found->second;
  client::Authority authority =
      OrDie(client::Authority::Create(ca + " test CA", now_ - absl::Hours(48), now_ + absl::Hours(24 * 30)));
  KeyPairPem pem = OrDie(authority.Pem());
  return cas_.emplace(ca, Ca{std::move(authority), std::move(pem)}).first->second;
}

const std::string& TestPki::CaPem(const std::string& ca) {
  return Get(ca).pem.certificate;
}

KeyPairPem TestPki::CaPair(const std::string& ca) {
  return Get(ca).pem;
}

KeyPairPem TestPki::Issue(const std::string& ca, const client::CertificateRequest& request) {
  return OrDie(Get(ca).authority.Issue(request));
}

KeyPairPem TestPki::Server(const std::string& ca) {
  client::CertificateRequest request;
  request.names = {"localhost", "127.0.0.1"};
  request.server = true;
  request.not_before = now_ - absl::Hours(1);
  request.not_after = now_ + absl::Hours(24);
  return Issue(ca, request);
}

KeyPairPem TestPki::Client(const std::string& ca, const std::vector<std::string>& names) {
  return ClientUntil(ca, names, now_ - absl::Hours(1), now_ + absl::Hours(24));
}

KeyPairPem TestPki::ClientUntil(const std::string& ca, const std::vector<std::string>& names, absl::Time not_before,
                                absl::Time not_after) {
  client::CertificateRequest request;
  request.names = names;
  request.client = true;
  request.not_before = not_before;
  request.not_after = not_after;
  return Issue(ca, request);
}

}  // namespace postern::testing
