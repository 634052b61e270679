#include "server/identity/trust.h"

#include <gtest/gtest.h>

#include "proto/errors/error.h"
#include "tests/unit/server/identity/pki.h"

namespace postern::identity {
namespace {

std::shared_ptr<const Certificate> Parsed(const client::KeyPairPem& pair) {
  return Certificate::Parse(pair.certificate, pair.certificate).value();
}

TEST(TrustBundle, VouchesForItsOwnUntilTheyEnd) {
  const client::Authority ca = NewCa("ca");
  const auto bundle = TrustBundle::Parse(CaPem(ca)).value();
  const auto leaf = Parsed(Issue(ca, {"a.example"}));
  for (int i = 0; i < 2; ++i) {  // the second time from memory
    const auto until = bundle->Verify(*leaf, Noon());
    ASSERT_TRUE(until.ok()) << until.status();
    EXPECT_EQ(*until, Noon() + absl::Hours(24));
  }
  EXPECT_EQ(ReasonOf(bundle->Verify(*leaf, Noon() + absl::Hours(24)).status()), v1::ERROR_REASON_CREDENTIAL_EXPIRED);
  EXPECT_EQ(ReasonOf(bundle->Verify(*leaf, Noon() - absl::Hours(25)).status()), v1::ERROR_REASON_CREDENTIAL_EXPIRED);
}

TEST(TrustBundle, EndsWithTheIssuer) {
  const client::Authority ca = NewCa("ca");
  const auto bundle = TrustBundle::Parse(CaPem(ca)).value();
  const auto leaf = Parsed(Issue(ca, {"a.example"}, Noon() + absl::Hours(24 * 200)));
  EXPECT_EQ(*bundle->Verify(*leaf, Noon()), Noon() + absl::Hours(24 * 100));
}

TEST(TrustBundle, DoesNotVouchForOthers) {
  const auto bundle = TrustBundle::Parse(CaPem(NewCa("same name"))).value();
  const auto stranger = Parsed(Issue(NewCa("same name"), {"a.example"}));
  EXPECT_EQ(ReasonOf(bundle->Verify(*stranger, Noon()).status()), v1::ERROR_REASON_UNAUTHENTICATED);
}

TEST(TrustBundle, RefusesServersCertificates) {
  const client::Authority ca = NewCa("ca");
  const auto bundle = TrustBundle::Parse(CaPem(ca)).value();
  const auto server = Parsed(Issue(ca, {"a.example"}, Noon() + absl::Hours(1), /*client=*/false));
  EXPECT_EQ(ReasonOf(bundle->Verify(*server, Noon()).status()), v1::ERROR_REASON_UNAUTHENTICATED);
}

TEST(TrustBundle, HoldsCertificatesOfAuthoritiesOnly) {
  const client::Authority ca = NewCa("ca");
  EXPECT_FALSE(TrustBundle::Parse("").ok());
  EXPECT_FALSE(TrustBundle::Parse("no certificate").ok());
  EXPECT_FALSE(TrustBundle::Parse(Issue(ca, {"a.example"}).certificate).ok());
  EXPECT_TRUE(TrustBundle::Parse(CaPem(ca) + CaPem(NewCa("other"))).ok());
}

}  // namespace
}  // namespace postern::identity
