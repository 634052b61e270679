#include "server/revocation/attestation.h"

#include <gmock/gmock.h>

#include "server/registry/partner_keys.h"
#include "server/revocation/renotification.h"
#include "tests/unit/server/revocation/revocation_fixture.h"

namespace postern::revocation {
namespace {

using Statement = v1::DeletionAttestationStatement;

class AttestationTest : public RevocationTest {
 protected:
  void SetUp() override {
    RevocationTest::SetUp();
    gateway_.RegisterKey();
    const std::vector<int64_t> seqs = gateway_.Disclose(kSwift, 3);
    gateway_.Handed(kSwift, seqs[2]);
    ASSERT_TRUE(gateway_.Terminate().ok());
    ASSERT_TRUE(gateway_.runner.RunOnce().ok());
    notice_ = gateway_.Notices().at(0);
    gateway_.Advance(absl::Hours(1));
  }

  void ExpectRefused(v1::ErrorReason reason, const std::function<void(Statement*)>& edit) {
    const int64_t refused = gateway_.Campaign().refused_count();
    EXPECT_EQ(ReasonOf(gateway_.Attest(notice_, edit).status()), reason) << v1::ErrorReason_Name(reason);
    EXPECT_EQ(gateway_.Campaign().refused_count(), refused + 1);
    EXPECT_EQ(gateway_.Campaign().attested_count(), 0);
  }

  void Exempt(Statement* statement, absl::Duration until, const std::string& ground = "customs law") {
    statement->mutable_outcomes(0)->set_result(Statement::RESULT_EXEMPTED);
    statement->mutable_outcomes(0)->set_ground(ground);
    registry::SetTime(gateway_.now() + until, statement->mutable_outcomes(0)->mutable_until());
  }

  v1::DeletionNotice notice_;
};

// Clause: P1.4e
TEST_F(AttestationTest, ACompleteOneClosesTheCampaignAndTerminates) {
  v1::AcknowledgeDeletionNoticeRequest acknowledge;
  acknowledge.set_name(notice_.name());
  ASSERT_TRUE(gateway_.desk.AcknowledgeDeletionNotice(PartnerPrincipal(), acknowledge).ok());
  ASSERT_TRUE(gateway_.desk.AcknowledgeDeletionNotice(PartnerPrincipal(), acknowledge).ok()) << "idempotent";
  EXPECT_EQ(gateway_.Campaign().acknowledged_count(), 1);
  EXPECT_EQ(gateway_.Campaign().state(), v1::DeletionCampaign::STATE_OPEN) << "received is not done";

  const auto attested = gateway_.Attest(
      notice_, [](Statement* statement) { statement->mutable_outcomes(1)->set_result(Statement::RESULT_NOT_FOUND); });
  ASSERT_TRUE(attested.ok()) << attested.status();
  EXPECT_EQ(attested->state(), v1::DeletionNotice::STATE_ATTESTED);
  const v1::DeletionCampaign campaign = gateway_.Campaign();
  EXPECT_EQ(campaign.state(), v1::DeletionCampaign::STATE_CLOSED);
  EXPECT_TRUE(campaign.has_close_time());
  EXPECT_EQ(campaign.deleted_count(), 2);
  EXPECT_EQ(campaign.not_found_count(), 1);
  EXPECT_EQ(gateway_.Get(kSwift).state(), v1::PARTNER_STATE_TERMINATED);
  EXPECT_EQ(ReasonOf(gateway_.keys->Get(*registry::KeyIdOf(gateway_.Row(kSwift).handle_key)).status()),
            v1::ERROR_REASON_KEY_SHREDDED);
  EXPECT_EQ(gateway_.store->ListHandleOutcomes(notice_.name())->size(), 3u);
  EXPECT_TRUE(gateway_.Notices().at(0).has_attestation());
  EXPECT_EQ(ReasonOf(gateway_.Attest(notice_).status()), v1::ERROR_REASON_ATTESTATION_REPLAYED);
}

TEST_F(AttestationTest, RefusesGapsForeignHandlesAndDoubles) {
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_GAP, [](Statement* s) { s->mutable_outcomes()->RemoveLast(); });
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_GAP,
                [](Statement* s) { s->mutable_outcomes(0)->set_result(Statement::RESULT_UNSPECIFIED); });
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_GAP,
                [](Statement* s) { s->mutable_outcomes(0)->set_result(static_cast<Statement::Result>(99)); });
  ExpectRefused(v1::ERROR_REASON_INVALID_ARGUMENT, [](Statement* s) {
    *s->add_outcomes() = s->outcomes(0);
    s->mutable_outcomes(0)->set_result(Statement::RESULT_UNSPECIFIED);
  });
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_FOREIGN_HANDLE,
                [](Statement* s) { s->mutable_outcomes(0)->set_handle(std::string(32, 'x')); });
  ExpectRefused(v1::ERROR_REASON_INVALID_ARGUMENT, [](Statement* s) { *s->add_outcomes() = s->outcomes(0); });
}

TEST_F(AttestationTest, RefusesAnotherNoticePartnerDigestOrTime) {
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_NOTICE_DIGEST, [](Statement* s) { s->set_notice("another"); });
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_NOTICE_DIGEST, [](Statement* s) { s->set_partner("partners/other"); });
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_NOTICE_DIGEST, [](Statement* s) { s->set_notice_digest("short"); });
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_TIME,
                [&](Statement* s) { registry::SetTime(gateway_.now() + absl::Minutes(6), s->mutable_attest_time()); });
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_TIME, [&](Statement* s) {
    registry::SetTime(registry::ToTime(notice_.create_time()) - absl::Minutes(6), s->mutable_attest_time());
  });
  EXPECT_TRUE(
      gateway_
          .Attest(notice_,
                  [&](Statement* s) { registry::SetTime(gateway_.now() + absl::Minutes(4), s->mutable_attest_time()); })
          .ok())
      << "a clock that is a little ahead";
}

TEST_F(AttestationTest, BelievesAClockThatIsALittleBehindOrCountsWholeSeconds) {
  EXPECT_TRUE(gateway_
                  .Attest(notice_,
                          [&](Statement* s) {
                            registry::SetTime(registry::ToTime(notice_.create_time()) - absl::Minutes(4),
                                              s->mutable_attest_time());
                          })
                  .ok());
}

TEST_F(AttestationTest, RefusesKeysThatAreNotThePartnersAndOtherPayloads) {
  const crypto::PrivateKey stranger = *crypto::PrivateKey::Generate(crypto::SignatureAlgorithm::kEcdsaP256Sha256);
  EXPECT_EQ(ReasonOf(gateway_
                         .Attest(
                             notice_, [](Statement*) {}, &stranger)
                         .status()),
            v1::ERROR_REASON_ATTESTATION_SIGNATURE);
  EXPECT_EQ(ReasonOf(gateway_
                         .Attest(
                             notice_, [](Statement*) {}, nullptr, kNoticePayloadType)
                         .status()),
            v1::ERROR_REASON_ATTESTATION_SIGNATURE);
  v1::AttestDeletionRequest request;
  request.set_name(notice_.name());
  const crypto::PrivateKey* const signers[] = {&gateway_.partner_key};
  *request.mutable_attestation() = ToProto(*crypto::DsseSign(kAttestationPayloadType, "\xff\xff\xff", signers));
  EXPECT_EQ(ReasonOf(gateway_.desk.AttestDeletion(PartnerPrincipal(), request).status()),
            v1::ERROR_REASON_INVALID_ARGUMENT);
  EXPECT_THAT(gateway_.AuditActions(), ::testing::Contains("attestation.refused"));
}

TEST_F(AttestationTest, AnothersNoticeDoesNotExist) {
  v1::AttestDeletionRequest request;
  request.set_name(notice_.name());
  EXPECT_EQ(ReasonOf(gateway_.desk.AttestDeletion(PartnerPrincipal("partners/nordic-freight"), request).status()),
            v1::ERROR_REASON_NOT_FOUND);
  v1::AcknowledgeDeletionNoticeRequest acknowledge;
  acknowledge.set_name(notice_.name());
  EXPECT_EQ(
      ReasonOf(
          gateway_.desk.AcknowledgeDeletionNotice(PartnerPrincipal("partners/nordic-freight"), acknowledge).status()),
      v1::ERROR_REASON_NOT_FOUND);
  EXPECT_TRUE(gateway_.Notices("partners/nordic-freight").empty());
}

TEST_F(AttestationTest, ExemptionsNeedAGroundOfTheContractAndATime) {
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_EXEMPTION, [&](Statement* s) { Exempt(s, absl::Hours(24), "curiosity"); });
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_EXEMPTION, [&](Statement* s) { Exempt(s, absl::Hours(24 * 3651)); });
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_EXEMPTION, [&](Statement* s) { Exempt(s, -absl::Hours(1)); });
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_EXEMPTION, [&](Statement* s) {
    Exempt(s, absl::Hours(24));
    s->mutable_outcomes(0)->clear_until();
  });
}

// Clause: P1.4e
TEST_F(AttestationTest, WhatIsExemptedIsNotifiedAgainWhenItsGroundEnds) {
  ASSERT_TRUE(gateway_.Attest(notice_, [&](Statement* s) { Exempt(s, absl::Hours(48)); }).ok());
  EXPECT_EQ(gateway_.Campaign().state(), v1::DeletionCampaign::STATE_EXEMPTED);
  EXPECT_EQ(gateway_.Campaign().exempted_count(), 1);
  EXPECT_EQ(gateway_.Get(kSwift).state(), v1::PARTNER_STATE_TERMINATED);
  EXPECT_NE(gateway_.holder.Get()->FindPartner(kSwift)->handle, nullptr);
  EXPECT_EQ(*RenotifyEndedExemptions(gateway_.control, gateway_.runner.options()), 0);
  gateway_.Advance(absl::Hours(49));
  EXPECT_EQ(*RenotifyEndedExemptions(gateway_.control, gateway_.runner.options()), 1);
  EXPECT_EQ(*RenotifyEndedExemptions(gateway_.control, gateway_.runner.options()), 0);
  ASSERT_EQ(gateway_.Notices().size(), 2u);
  const v1::DeletionNotice again = gateway_.Notices().at(1);
  EXPECT_EQ(again.handle_count(), 1);
  ASSERT_TRUE(gateway_.Attest(again).ok());
  EXPECT_EQ(gateway_.Campaign().state(), v1::DeletionCampaign::STATE_CLOSED);
  EXPECT_EQ(gateway_.Campaign().exempted_count(), 0);
  EXPECT_EQ(gateway_.Campaign().deleted_count(), 3);
  EXPECT_EQ(gateway_.holder.Get()->FindPartner(kSwift)->handle, nullptr);
}

TEST_F(AttestationTest, ADocumentDoesNotReplaceAKeyThatTheContractAsksFor) {
  v1::RecordDocumentAttestationRequest request;
  request.set_name(notice_.name());
  request.set_document_sha256(std::string(64, 'a'));
  request.set_signed_on("2026-06-01");
  EXPECT_EQ(
      ReasonOf(
          gateway_.desk.RecordDocumentAttestation(Operator("olga", identity::Role::kPrivacyOfficer), request).status()),
      v1::ERROR_REASON_ATTESTATION_SIGNATURE);
}

// Clause: P1.4e
TEST(DocumentAttestationTest, TakesAPrivacyOfficerAndASecondPerson) {
  registry::TempDirectory directory;
  RevocationFixture gateway(directory.path());
  gateway.Serve({{"attestation: PARTNER_KEY", "attestation: DOCUMENT"}});
  const std::vector<int64_t> seqs = gateway.Disclose(kSwift, 2);
  gateway.Handed(kSwift, seqs[1]);
  ASSERT_TRUE(gateway.Terminate().ok());
  ASSERT_TRUE(gateway.runner.RunOnce().ok());
  v1::RecordDocumentAttestationRequest request;
  request.set_name(gateway.Notices().at(0).name());
  const identity::Principal officer = Operator("olga", identity::Role::kPrivacyOfficer);
  const auto record = [&](const identity::Principal& caller) {
    return gateway.desk.RecordDocumentAttestation(caller, request);
  };
  request.set_signed_on("2026-06-01");
  EXPECT_EQ(ReasonOf(record(officer).status()), v1::ERROR_REASON_INVALID_ARGUMENT);
  request.set_document_sha256(std::string(64, 'a'));
  request.set_signed_on("2026-05-01");
  EXPECT_EQ(ReasonOf(record(officer).status()), v1::ERROR_REASON_ATTESTATION_TIME);
  request.set_signed_on("2026-06-02");
  EXPECT_EQ(ReasonOf(record(officer).status()), v1::ERROR_REASON_ATTESTATION_TIME);
  request.set_signed_on("2026-06-01");
  EXPECT_EQ(ReasonOf(record(Operator("bob")).status()), v1::ERROR_REASON_ROLE_DENIED);

  const auto first = record(officer);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->state(), v1::DeletionNotice::STATE_ISSUED);
  EXPECT_FALSE(gateway.Notices().at(0).has_attestation()) << "not before the second person";
  EXPECT_EQ(ReasonOf(record(officer).status()), v1::ERROR_REASON_SECOND_PERSON_REQUIRED);
  const auto second = record(Operator("bob"));
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->state(), v1::DeletionNotice::STATE_ATTESTED_BY_DOCUMENT);
  EXPECT_EQ(gateway.Campaign().deleted_count(), 2);
  EXPECT_EQ(gateway.Campaign().state(), v1::DeletionCampaign::STATE_CLOSED);
  EXPECT_EQ(ReasonOf(record(officer).status()), v1::ERROR_REASON_ATTESTATION_REPLAYED);
}

}  // namespace
}  // namespace postern::revocation
