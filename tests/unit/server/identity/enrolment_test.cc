#include "server/identity/enrolment.h"

#include <gtest/gtest.h>

#include "proto/errors/error.h"
#include "server/identity/certificate.h"
#include "server/identity/trust.h"
#include "tests/unit/server/identity/pki.h"

namespace postern::identity {
namespace {

KeyPair AsKeyPair(const client::KeyPairPem& pem) {
  KeyPair pair;
  pair.chain_pem = pem.certificate;
  pair.private_key_pem = crypto::SecretBytes::CopyOf(pem.private_key);
  pair.not_after = Noon() + absl::Hours(24 * 100);
  return pair;
}

class EnrolmentTest : public ::testing::Test {
 protected:
  const client::Authority ca_ = NewCa("enrolment");
  const std::unique_ptr<const EnrolmentCa> enrolment_ = EnrolmentCa::Create(AsKeyPair(*ca_.Pem())).value();
};

TEST_F(EnrolmentTest, SignsTheKeyAndTheNameOfTheRequest) {
  const auto request = client::NewEnrolmentRequest("spiffe://acme.example/client").value();
  const auto enrolled = enrolment_->Sign(request.certificate_request, 30, Noon());
  ASSERT_TRUE(enrolled.ok()) << enrolled.status();
  EXPECT_EQ(enrolled->name, "spiffe://acme.example/client");
  EXPECT_TRUE(enrolled->spiffe);

  const auto leaf_pem = enrolled->chain_pem.substr(0, enrolled->chain_pem.find("-----END CERTIFICATE-----") + 26);
  const auto leaf = Certificate::Parse(leaf_pem, enrolled->chain_pem).value();
  EXPECT_EQ(*leaf->name(), "spiffe://acme.example/client");
  const auto until = TrustBundle::Parse(enrolled->trust_bundle_pem).value()->Verify(*leaf, Noon());
  ASSERT_TRUE(until.ok()) << until.status();
  EXPECT_EQ(*until, Noon() + absl::Hours(24 * 30));
}

TEST_F(EnrolmentTest, EndsWithTheCaAtTheLatest) {
  const auto request = client::NewEnrolmentRequest("acme.example").value();
  const auto enrolled = enrolment_->Sign(request.certificate_request, 398, Noon());
  ASSERT_TRUE(enrolled.ok()) << enrolled.status();
  EXPECT_FALSE(enrolled->spiffe);
  const auto leaf_pem = enrolled->chain_pem.substr(0, enrolled->chain_pem.find("-----END CERTIFICATE-----") + 26);
  EXPECT_EQ(Certificate::Parse(leaf_pem, "").value()->not_after(), Noon() + absl::Hours(24 * 100));
  const auto late = enrolment_->Sign(request.certificate_request, 30, Noon() + absl::Hours(24 * 100));
  EXPECT_EQ(ReasonOf(late.status()), v1::ERROR_REASON_CREDENTIAL_EXPIRED) << "it would have ended before it began";
}

TEST_F(EnrolmentTest, RefusesRequestsThatItCannotStandFor) {
  EXPECT_EQ(ReasonOf(enrolment_->Sign("no request", 30, Noon()).status()), v1::ERROR_REASON_INVALID_ARGUMENT);
  const auto request = client::NewEnrolmentRequest("*.acme.example").value();
  EXPECT_EQ(ReasonOf(enrolment_->Sign(request.certificate_request, 30, Noon()).status()),
            v1::ERROR_REASON_IDENTITY_AMBIGUOUS);
  const auto good = client::NewEnrolmentRequest("acme.example").value();
  for (const int days : {0, -1, 399}) {
    EXPECT_EQ(ReasonOf(enrolment_->Sign(good.certificate_request, days, Noon()).status()),
              v1::ERROR_REASON_INVALID_ARGUMENT);
  }
}

TEST_F(EnrolmentTest, NeedsACa) {
  EXPECT_FALSE(EnrolmentCa::Create(AsKeyPair(Issue(ca_, {"leaf.example"}))).ok());
}

}  // namespace
}  // namespace postern::identity
