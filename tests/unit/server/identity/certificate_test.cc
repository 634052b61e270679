#include "server/identity/certificate.h"

#include <gtest/gtest.h>

#include "proto/errors/error.h"
#include "tests/unit/server/identity/pki.h"

namespace postern::identity {
namespace {

class CertificateTest : public ::testing::Test {
 protected:
  // The name that a certificate with these SANs is known by, or the reason why by none.
  std::string NameOf(const std::vector<std::string>& names) {
    const auto certificate = Certificate::Parse(Issue(ca_, names).certificate, "");
    if (!certificate.ok()) return certificate.status().ToString();
    if (!(*certificate)->name().ok()) return v1::ErrorReason_Name(ReasonOf((*certificate)->name().status()));
    return *(*certificate)->name();
  }
  const client::Authority ca_ = NewCa("ca");
};

TEST_F(CertificateTest, OneNameIsTheIdentity) {
  EXPECT_EQ(NameOf({"spiffe://carrier.example/client"}), "spiffe://carrier.example/client");
  EXPECT_EQ(NameOf({"client.carrier.example"}), "client.carrier.example");
  EXPECT_EQ(NameOf({"Client.Carrier.Example"}), "client.carrier.example");
  EXPECT_EQ(NameOf({"client.carrier.example", "10.0.0.1"}), "client.carrier.example") << "an address names nobody";
}

TEST_F(CertificateTest, NoneOrSeveralNamesAreAmbiguous) {
  const std::string ambiguous = "ERROR_REASON_IDENTITY_AMBIGUOUS";
  EXPECT_EQ(NameOf({"10.0.0.1"}), ambiguous);
  EXPECT_EQ(NameOf({"spiffe://a.example/x", "spiffe://a.example/y"}), ambiguous);
  EXPECT_EQ(NameOf({"spiffe://a.example/x", "a.example"}), ambiguous);
  EXPECT_EQ(NameOf({"a.example", "b.example"}), ambiguous);
  EXPECT_EQ(NameOf({"*.a.example"}), ambiguous);
  EXPECT_EQ(NameOf({"spiffe://A.example/x"}), ambiguous);
  EXPECT_EQ(NameOf({"spiffe://a.example/x/../y"}), ambiguous);
}

TEST_F(CertificateTest, KnowsItsTimesAndItsDigest) {
  const auto certificate = Certificate::Parse(Issue(ca_, {"a.example"}).certificate, CaPem(ca_));
  ASSERT_TRUE(certificate.ok()) << certificate.status();
  EXPECT_EQ((*certificate)->not_before(), Noon() - absl::Hours(24));
  EXPECT_EQ((*certificate)->not_after(), Noon() + absl::Hours(24));
  EXPECT_EQ((*certificate)->digest().size(), 64u);
  EXPECT_EQ((*certificate)->intermediates().size(), 1u);
}

// A resumed TLS session has no chain, and gRPC then no property to point at.
TEST_F(CertificateTest, NoChainIsNoIntermediates) {
  const auto certificate = Certificate::Parse(Issue(ca_, {"a.example"}).certificate, absl::string_view());
  ASSERT_TRUE(certificate.ok()) << certificate.status();
  EXPECT_TRUE((*certificate)->intermediates().empty());
}

TEST_F(CertificateTest, APeerWithoutAChainShowsItsLeafAlone) {
  const auto certificate = Certificate::Parse(Issue(ca_, {"a.example"}).certificate, absl::string_view());
  ASSERT_TRUE(certificate.ok()) << certificate.status();
  EXPECT_TRUE((*certificate)->intermediates().empty());
}

TEST_F(CertificateTest, RefusesWhatIsNoCertificate) {
  EXPECT_EQ(ReasonOf(Certificate::Parse(absl::string_view(), "").status()), v1::ERROR_REASON_UNAUTHENTICATED);
  EXPECT_EQ(ReasonOf(Certificate::Parse("", "").status()), v1::ERROR_REASON_UNAUTHENTICATED);
  EXPECT_EQ(ReasonOf(Certificate::Parse("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "").status()),
            v1::ERROR_REASON_UNAUTHENTICATED);
  const std::string good = Issue(ca_, {"a.example"}).certificate;
  EXPECT_EQ(ReasonOf(Certificate::Parse(good + good, "").status()), v1::ERROR_REASON_UNAUTHENTICATED);
}

}  // namespace
}  // namespace postern::identity
