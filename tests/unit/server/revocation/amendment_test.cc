// A partner that kept something on a ground answers its notice again.
#include "server/revocation/amendment.h"

#include <gmock/gmock.h>

#include "server/crypto/sha256.h"
#include "server/registry/partner_keys.h"
#include "server/revocation/renotification.h"
#include "tests/unit/server/revocation/revocation_fixture.h"

namespace postern::revocation {
namespace {

using Statement = v1::DeletionAttestationStatement;

// Three handles: the first was kept for 48 hours, the second deleted, the third not found.
class AmendmentTest : public RevocationTest {
 protected:
  void SetUp() override {
    RevocationTest::SetUp();
    gateway_.RegisterKey();
    const std::vector<int64_t> seqs = gateway_.Disclose(kSwift, 3);
    gateway_.Handed(kSwift, seqs[2]);
    ASSERT_TRUE(gateway_.Terminate().ok());
    ASSERT_TRUE(gateway_.runner.RunOnce().ok());
    gateway_.Advance(absl::Hours(1));
    first_answer_ = gateway_.now();
    ASSERT_TRUE(gateway_.Attest(Notice(), AsBefore()).ok());
    gateway_.Advance(absl::Hours(1));
  }

  v1::DeletionNotice Notice() { return gateway_.Notices().at(0); }
  static std::string Digest(const v1::SignedEnvelope& envelope) {
    const crypto::Sha256Digest digest = crypto::Sha256(envelope.payload());
    return std::string(crypto::AsBytes(digest));
  }
  using Edit = std::function<void(Statement*)>;
  // Says again what was said at first, but for `edit`.
  Edit AsBefore(Edit edit = nullptr) {
    return [this, edit](Statement* s) {
      Keep(s, absl::Hours(48));
      s->mutable_outcomes(2)->set_result(Statement::RESULT_NOT_FOUND);
      if (edit != nullptr) edit(s);
    };
  }
  // As AsBefore, as an amendment of the last answer.
  Edit Amending(Edit edit = nullptr) {
    return AsBefore([this, edit](Statement* s) {
      s->set_amends(Digest(Notice().attestation()));
      if (edit != nullptr) edit(s);
    });
  }
  void Keep(Statement* s, absl::Duration from_first_answer, const std::string& ground = "customs law") {
    s->mutable_outcomes(0)->set_result(Statement::RESULT_EXEMPTED);
    s->mutable_outcomes(0)->set_ground(ground);
    registry::SetTime(first_answer_ + from_first_answer, s->mutable_outcomes(0)->mutable_until());
  }
  static void Delete(Statement* s) {
    s->mutable_outcomes(0)->set_result(Statement::RESULT_DELETED);
    s->mutable_outcomes(0)->clear_ground();
    s->mutable_outcomes(0)->clear_until();
  }
  v1::ErrorReason ReasonFor(const Edit& edit) { return ReasonOf(gateway_.Attest(Notice(), edit).status()); }
  // Refused, counted, and nothing of it believed.
  void ExpectRefused(v1::ErrorReason reason, const Edit& edit) {
    const v1::DeletionCampaign before = gateway_.Campaign();
    const std::string notice = Notice().SerializeAsString();
    const v1::ErrorReason got = ReasonFor(edit);
    EXPECT_EQ(got, reason) << v1::ErrorReason_Name(got);
    EXPECT_EQ(gateway_.Campaign().refused_count(), before.refused_count() + 1);
    EXPECT_EQ(gateway_.Campaign().exempted_count(), 1);
    EXPECT_EQ(Notice().SerializeAsString(), notice);
  }

  absl::Time first_answer_;
};

// Clause: P1.4e
TEST_F(AmendmentTest, WhatWasKeptIsDeletedAndTheCampaignCloses) {
  EXPECT_EQ(gateway_.Campaign().state(), v1::DeletionCampaign::STATE_EXEMPTED);
  const v1::SignedEnvelope first = Notice().attestation();
  const auto amended = gateway_.Attest(Notice(), Amending(Delete));
  ASSERT_TRUE(amended.ok()) << amended.status();
  EXPECT_EQ(amended->state(), v1::DeletionNotice::STATE_ATTESTED);
  const v1::DeletionCampaign campaign = gateway_.Campaign();
  EXPECT_EQ(campaign.state(), v1::DeletionCampaign::STATE_CLOSED);
  EXPECT_TRUE(campaign.has_close_time());
  EXPECT_EQ(campaign.deleted_count(), 2);
  EXPECT_EQ(campaign.not_found_count(), 1);
  EXPECT_EQ(campaign.exempted_count(), 0);
  EXPECT_EQ(campaign.attested_count(), 1) << "an amended notice is one notice";
  ASSERT_EQ(Notice().amended_attestations_size(), 1);
  EXPECT_EQ(Notice().amended_attestations(0).SerializeAsString(), first.SerializeAsString());
  const auto outcomes = gateway_.store->ListHandleOutcomes(Notice().name());
  ASSERT_TRUE(outcomes.ok()) << outcomes.status();
  for (const auto& outcome : *outcomes) {
    EXPECT_NE(outcome.result, Statement::RESULT_EXEMPTED);
  }
  EXPECT_EQ(ReasonOf(gateway_.keys->Get(*registry::KeyIdOf(gateway_.Row(kSwift).handle_key)).status()),
            v1::ERROR_REASON_KEY_SHREDDED)
      << "nothing is left to ask for";
  gateway_.Advance(absl::Hours(49));
  EXPECT_EQ(*RenotifyEndedExemptions(gateway_.control, gateway_.runner.options()), 0);
}

TEST_F(AmendmentTest, AnotherTimeOfTheGroundKeepsTheCampaignExempted) {
  ASSERT_EQ(ReasonFor(Amending([&](Statement* s) { Keep(s, absl::Hours(96)); })), v1::ERROR_REASON_UNSPECIFIED);
  EXPECT_EQ(gateway_.Campaign().state(), v1::DeletionCampaign::STATE_EXEMPTED);
  EXPECT_EQ(gateway_.Campaign().exempted_count(), 1);
  gateway_.Advance(absl::Hours(49));
  EXPECT_EQ(*RenotifyEndedExemptions(gateway_.control, gateway_.runner.options()), 0) << "the later time counts";
  gateway_.Advance(absl::Hours(48));
  EXPECT_EQ(*RenotifyEndedExemptions(gateway_.control, gateway_.runner.options()), 1);
}

// Clause: P1.4e
TEST_F(AmendmentTest, TakesNothingBack) {
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_AMENDMENT, Amending([&](Statement* s) {
                  s->mutable_outcomes(1)->set_result(Statement::RESULT_EXEMPTED);
                  s->mutable_outcomes(1)->set_ground("customs law");
                  registry::SetTime(gateway_.now() + absl::Hours(24), s->mutable_outcomes(1)->mutable_until());
                }));
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_AMENDMENT,
                Amending([](Statement* s) { s->mutable_outcomes(1)->set_result(Statement::RESULT_NOT_FOUND); }));
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_AMENDMENT,
                Amending([](Statement* s) { s->mutable_outcomes(2)->set_result(Statement::RESULT_DELETED); }));
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_AMENDMENT, Amending([](Statement* s) {
                  Delete(s);
                  s->mutable_outcomes(0)->set_result(Statement::RESULT_NOT_FOUND);
                }));
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_AMENDMENT, Amending());
}

TEST_F(AmendmentTest, IsCheckedAsAnyAnswer) {
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_GAP, Amending([](Statement* s) { s->mutable_outcomes()->RemoveLast(); }));
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_EXEMPTION,
                Amending([&](Statement* s) { Keep(s, absl::Hours(72), "curiosity"); }));
  // Ten years and no more, however often it is said again.
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_EXEMPTION,
                Amending([&](Statement* s) { Keep(s, absl::Hours(24 * 3650) + absl::Minutes(1)); }));
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_TIME, Amending([&](Statement* s) {
                  Delete(s);
                  registry::SetTime(first_answer_ - absl::Seconds(1), s->mutable_attest_time());
                }));
  const crypto::PrivateKey other = *crypto::PrivateKey::Generate(crypto::SignatureAlgorithm::kEd25519);
  EXPECT_EQ(ReasonOf(gateway_.Attest(Notice(), Amending(Delete), &other).status()),
            v1::ERROR_REASON_ATTESTATION_SIGNATURE);
}

// Clause: P1.4e
TEST_F(AmendmentTest, OnlyTheLastAnswerIsAmendedAndNoneIsReplayed) {
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_REPLAYED, AsBefore(Delete));
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_AMENDMENT, Amending([](Statement* s) {
                  Delete(s);
                  s->set_amends(std::string(32, 'x'));
                }));
  const v1::SignedEnvelope first = Notice().attestation();
  const v1::SignedEnvelope second = gateway_.Signed(Notice(), Amending([&](Statement* s) { Keep(s, absl::Hours(96)); }),
                                                    nullptr, kAttestationPayloadType);
  v1::AttestDeletionRequest request;
  request.set_name(Notice().name());
  *request.mutable_attestation() = second;
  ASSERT_TRUE(gateway_.desk.AttestDeletion(PartnerPrincipal(), request).ok());
  for (const v1::SignedEnvelope& again : {first, second}) {
    *request.mutable_attestation() = again;
    EXPECT_EQ(ReasonOf(gateway_.desk.AttestDeletion(PartnerPrincipal(), request).status()),
              v1::ERROR_REASON_ATTESTATION_REPLAYED);
  }
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_AMENDMENT, Amending([&](Statement* s) {
                  Delete(s);
                  s->set_amends(Digest(first));
                }));
}

TEST_F(AmendmentTest, NothingIsAmendedBeforeItIsAttested) {
  registry::TempDirectory directory;
  RevocationFixture fresh(directory.path());
  fresh.Serve();
  fresh.RegisterKey();
  fresh.Handed(kSwift, fresh.Disclose(kSwift, 1)[0]);
  ASSERT_TRUE(fresh.Terminate().ok());
  ASSERT_TRUE(fresh.runner.RunOnce().ok());
  EXPECT_EQ(
      ReasonOf(fresh.Attest(fresh.Notices().at(0), [](Statement* s) { s->set_amends(std::string(32, 'x')); }).status()),
      v1::ERROR_REASON_ATTESTATION_AMENDMENT);
}

TEST_F(AmendmentTest, SixteenAreEnough) {
  for (int i = 0; i < kMaxAmendments; ++i) {
    ASSERT_EQ(ReasonFor(Amending([&](Statement* s) { Keep(s, absl::Hours(49 + i)); })), v1::ERROR_REASON_UNSPECIFIED);
  }
  EXPECT_EQ(Notice().amended_attestations_size(), kMaxAmendments);
  ExpectRefused(v1::ERROR_REASON_ATTESTATION_AMENDMENT, Amending(Delete));
}

TEST_F(AmendmentTest, WhatALaterNoticeAsksForIsAnsweredThere) {
  gateway_.Advance(absl::Hours(49));
  ASSERT_EQ(*RenotifyEndedExemptions(gateway_.control, gateway_.runner.options()), 1);
  EXPECT_EQ(ReasonFor(Amending(Delete)), v1::ERROR_REASON_ATTESTATION_AMENDMENT);
  ASSERT_TRUE(gateway_.Attest(gateway_.Notices().at(1)).ok());
  EXPECT_EQ(gateway_.Campaign().state(), v1::DeletionCampaign::STATE_CLOSED);
  EXPECT_EQ(gateway_.Campaign().deleted_count(), 2);
}

TEST_F(AmendmentTest, AGroundThatEndedAndIsNotAskedForYetMayBeAnswered) {
  gateway_.Advance(absl::Hours(49));
  EXPECT_EQ(ReasonFor(Amending(Delete)), v1::ERROR_REASON_UNSPECIFIED);
  EXPECT_EQ(gateway_.Campaign().state(), v1::DeletionCampaign::STATE_CLOSED);
  EXPECT_EQ(*RenotifyEndedExemptions(gateway_.control, gateway_.runner.options()), 0);
}

}  // namespace
}  // namespace postern::revocation
