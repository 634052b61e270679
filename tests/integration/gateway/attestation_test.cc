// A terminated partner answers its deletion notice: what is refused, by reason, and what closes the campaign.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/sha.h>

#include <csignal>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/partner/attestation_signer.h"
#include "tests/support/retail_shop.h"

namespace postern::testing {
namespace {

using client::AttestationSigner;
using Statement = v1::DeletionAttestationStatement;

void SetTime(absl::Time time, google::protobuf::Timestamp* out) {
  out->set_seconds(absl::ToUnixSeconds(time));
}

class AttestationTest : public ::testing::Test {
 protected:
  // swift-parcel holds three shipments when it is terminated.
  AttestationTest() {
    shop_.Open();
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(
          shop_.Disclose(RecordOf(PlainShipment(absl::StrCat("D-", i))), "swift-parcel", "delivery").has_disclosure());
    }
    shop_.Receive("swift-parcel", 3);
    campaign_ = shop_.Terminate("swift-parcel").campaign().name();
    notice_ = shop_.Notices("swift-parcel").at(0);
    EXPECT_TRUE(asked_.ParseFromString(notice_.envelope().payload()));
    EXPECT_EQ(asked_.items_size(), 3);
  }

  // An answer that is as it should be, but for `edit`.
  Statement Answer(const std::function<void(Statement*)>& edit = nullptr) {
    Statement statement;
    statement.set_notice(notice_.name());
    statement.set_notice_digest(notice_.digest());
    statement.set_partner("partners/swift-parcel");
    SetTime(absl::Now() + absl::Seconds(1), statement.mutable_attest_time());
    for (const auto& item : asked_.items()) {
      Statement::HandleOutcome* outcome = statement.add_outcomes();
      outcome->set_handle(item.handle());
      outcome->set_result(Statement::RESULT_DELETED);
    }
    if (edit != nullptr) edit(&statement);
    return statement;
  }
  // What the gateway says to it: "" if it is taken.
  std::string Attest(const Statement& statement, const std::string& signed_by = "swift-parcel",
                     const std::string& sent_by = "swift-parcel") {
    v1::AttestDeletionRequest request;
    request.set_name(notice_.name());
    *request.mutable_attestation() =
        AttestationSigner::Create("attestation-1", shop_.AttestationKey(signed_by).private_key)
            ->Sign(statement)
            .value();
    v1::AttestDeletionResponse response;
    return ReasonOf(shop_.Partner(sent_by)->AttestDeletion(Deadline().get(), request, &response));
  }
  v1::DeletionCampaign Campaign() {
    v1::GetDeletionCampaignRequest get;
    get.set_name(campaign_);
    v1::DeletionCampaign campaign;
    EXPECT_TRUE(shop_.Operator("vera")->GetDeletionCampaign(Deadline().get(), get, &campaign).ok());
    return campaign;
  }

  RetailShop shop_;
  std::string campaign_;
  v1::DeletionNotice notice_;
  v1::DeletionNoticeStatement asked_;
};

// Clause: P1.4e
TEST_F(AttestationTest, OnlyAWholeAndSignedAnswerClosesTheCampaign) {
  EXPECT_EQ(Attest(Answer([](Statement* s) { s->mutable_outcomes()->RemoveLast(); })), "ERROR_REASON_ATTESTATION_GAP");
  EXPECT_EQ(Attest(Answer([](Statement* s) { s->mutable_outcomes(1)->clear_result(); })),
            "ERROR_REASON_ATTESTATION_GAP");
  EXPECT_EQ(Attest(Answer([](Statement* s) { s->add_outcomes()->set_handle("another's"); })),
            "ERROR_REASON_ATTESTATION_FOREIGN_HANDLE");
  EXPECT_EQ(Attest(Answer([](Statement* s) { *s->add_outcomes() = s->outcomes(0); })), "ERROR_REASON_INVALID_ARGUMENT");
  EXPECT_EQ(Attest(Answer([](Statement* s) { (*s->mutable_notice_digest())[0] ^= 1; })),
            "ERROR_REASON_ATTESTATION_NOTICE_DIGEST");
  EXPECT_EQ(Attest(Answer([](Statement* s) { s->set_partner("partners/nordic-freight"); })),
            "ERROR_REASON_ATTESTATION_NOTICE_DIGEST");
  EXPECT_EQ(Attest(Answer([](Statement* s) { SetTime(absl::Now() - absl::Hours(1), s->mutable_attest_time()); })),
            "ERROR_REASON_ATTESTATION_TIME");
  EXPECT_EQ(Attest(Answer([](Statement* s) { SetTime(absl::Now() + absl::Hours(1), s->mutable_attest_time()); })),
            "ERROR_REASON_ATTESTATION_TIME");
  EXPECT_EQ(Attest(Answer([](Statement* s) {
              s->mutable_outcomes(0)->set_result(Statement::RESULT_EXEMPTED);
              s->mutable_outcomes(0)->set_ground("we like it");
              SetTime(absl::Now() + absl::Hours(24), s->mutable_outcomes(0)->mutable_until());
            })),
            "ERROR_REASON_ATTESTATION_EXEMPTION");
  EXPECT_EQ(Attest(Answer(), "nordic-freight"), "ERROR_REASON_ATTESTATION_SIGNATURE") << "another's key";
  EXPECT_EQ(Attest(Answer(), "swift-parcel", "nordic-freight"), "ERROR_REASON_NOT_FOUND") << "another's notice";
  v1::DeletionCampaign open = Campaign();
  EXPECT_EQ(open.state(), v1::DeletionCampaign::STATE_OPEN);
  EXPECT_EQ(open.attested_count(), 0);
  EXPECT_EQ(open.refused_count(), 10) << "what another partner sends is not counted as this one's";

  EXPECT_EQ(Attest(Answer()), "");
  EXPECT_EQ(Attest(Answer()), "ERROR_REASON_ATTESTATION_REPLAYED");
  const v1::DeletionCampaign closed = Campaign();
  EXPECT_EQ(closed.state(), v1::DeletionCampaign::STATE_CLOSED);
  EXPECT_EQ(closed.deleted_count(), 3);
}

// Clause: P1.4e
TEST_F(AttestationTest, WhatWasKeptOnAGroundIsDeletedLaterByAnAmendment) {
  const auto keep = [](Statement* s) {
    s->mutable_outcomes(0)->set_result(Statement::RESULT_EXEMPTED);
    s->mutable_outcomes(0)->set_ground("customs law");
    SetTime(absl::Now() + absl::Hours(24), s->mutable_outcomes(0)->mutable_until());
  };
  EXPECT_EQ(Attest(Answer(keep)), "");
  EXPECT_EQ(Campaign().state(), v1::DeletionCampaign::STATE_EXEMPTED);
  // What the gateway has says which answer is amended, also after a restart.
  shop_.gateway().process().Signal(SIGTERM);
  ASSERT_EQ(shop_.gateway().process().Wait(absl::Seconds(20)), 0);
  shop_.gateway().Restart();
  const v1::DeletionNotice kept = shop_.Notices("swift-parcel").at(0);
  Statement amendment = Answer();
  EXPECT_EQ(Attest(amendment), "ERROR_REASON_ATTESTATION_REPLAYED") << "an answer to an answered notice";
  const std::string& payload = kept.attestation().payload();
  amendment.mutable_amends()->resize(SHA256_DIGEST_LENGTH);
  SHA256(reinterpret_cast<const uint8_t*>(payload.data()), payload.size(),
         reinterpret_cast<uint8_t*>(amendment.mutable_amends()->data()));
  Statement taken_back = amendment;
  keep(&taken_back);
  taken_back.mutable_outcomes(1)->CopyFrom(taken_back.outcomes(0));
  taken_back.mutable_outcomes(1)->set_handle(asked_.items(1).handle());
  EXPECT_EQ(Attest(taken_back), "ERROR_REASON_ATTESTATION_AMENDMENT");
  EXPECT_EQ(Campaign().state(), v1::DeletionCampaign::STATE_EXEMPTED);

  EXPECT_EQ(Attest(amendment), "");
  EXPECT_EQ(Attest(amendment), "ERROR_REASON_ATTESTATION_REPLAYED");
  const v1::DeletionCampaign closed = Campaign();
  EXPECT_EQ(closed.state(), v1::DeletionCampaign::STATE_CLOSED);
  EXPECT_EQ(closed.deleted_count(), 3);
  EXPECT_EQ(closed.exempted_count(), 0);
  const v1::DeletionNotice amended = shop_.Notices("swift-parcel").at(0);
  ASSERT_EQ(amended.amended_attestations_size(), 1);
  EXPECT_EQ(amended.amended_attestations(0).payload(), kept.attestation().payload());
}

// Clause: P1.4e
TEST_F(AttestationTest, ATerminatedPartnerCanOnlyFetchAndAnswerNotices) {
  const auto partner = shop_.Partner("swift-parcel");
  const auto context = Deadline();
  const auto stream = partner->Receive(context.get());
  v1::ReceiveResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(ReasonOf(stream->Finish()), "ERROR_REASON_PARTNER_TERMINATED");
  v1::SubmitResultResponse submitted;
  EXPECT_EQ(ReasonOf(partner->SubmitResult(Deadline().get(), v1::SubmitResultRequest(), &submitted)),
            "ERROR_REASON_PARTNER_TERMINATED");
  v1::AcknowledgeDeletionNoticeRequest acknowledge;
  acknowledge.set_name(notice_.name());
  v1::AcknowledgeDeletionNoticeResponse acknowledged;
  EXPECT_TRUE(partner->AcknowledgeDeletionNotice(Deadline().get(), acknowledge, &acknowledged).ok());
  EXPECT_EQ(Campaign().acknowledged_count(), 1);
  EXPECT_EQ(Campaign().state(), v1::DeletionCampaign::STATE_OPEN) << "received is not done";
  v1::Partner resource;
  v1::ResumePartnerRequest resume;
  resume.set_name("partners/swift-parcel");
  EXPECT_FALSE(shop_.Operator("alice")->ResumePartner(Deadline().get(), resume, &resource).ok()) << "never again";
}

}  // namespace
}  // namespace postern::testing
