// A projection that holds more than its grant: nothing of it leaves, and its partner is stopped.
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "policy/retail/shop/v1/shipment.pb.h"
#include "proto/errors/error.h"
#include "proto/errors/rpc_status.h"
#include "server/revocation/suspender.h"
#include "tests/unit/server/disclosure/gateway_fixture.h"

namespace postern::disclosure {
namespace {

// The gateway with a projector that is broken for swift-parcel: it releases `recipient.phone`, which the verifier does
// not believe to be granted.
class VerifierFindingTest : public testing::Test {
 protected:
  VerifierFindingTest() {
    gateway_.on_finding = [this](const std::string& partner, const std::string& path) {
      found_.emplace_back(partner, path);
      EXPECT_TRUE(suspender_.SuspendFor(partner, "verifier_finding").ok());
    };
    BreakProjector();
  }

  void BreakProjector() {
    const std::shared_ptr<const registry::Snapshot> sound = gateway_.control->holder.Get();
    registry::ActiveGrant grant = *sound->FindPartner(kSwift)->FindGrant("delivery", "shop.v1.Shipment");
    broken_ = *grant.grant;
    policy::PlanSpec narrower = *broken_.spec;
    std::erase_if(narrower.leaves,
                  [](const policy::LeafSpec& leaf) { return policy::DottedPath(leaf.path) == "recipient.phone"; });
    broken_.verifier = *policy::Verifier::Create(narrower);
    auto partner = std::make_shared<registry::PartnerView>(*sound->FindPartner(kSwift));
    for (registry::ActiveGrant& active : partner->grants) {
      if (active.grant == grant.grant) active.grant = &broken_;
    }
    auto snapshot = std::make_shared<registry::Snapshot>(*sound);
    snapshot->partners[kSwift] = std::move(partner);
    gateway_.control->holder.Set(std::move(snapshot));
  }

  policy::CompiledGrant broken_;
  GatewayFixture gateway_;
  revocation::Suspender suspender_{&gateway_.control->control};
  std::vector<std::pair<std::string, std::string>> found_;
};

// Clause: P1.1a
TEST_F(VerifierFindingTest, RefusesTheRecordAndStopsThePartner) {
  const auto response = gateway_.Create(gateway_.Shipment("S-1", 1, {std::string(kSwift), std::string(kNordic)}));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(ReasonOf(FromRpcStatus(response->results(0).error())), v1::ERROR_REASON_VERIFIER_FINDING);
  EXPECT_TRUE(response->results(1).has_disclosure());  // another partner's grant is sound
  ASSERT_EQ(found_.size(), 1u);
  EXPECT_EQ(found_[0].first, kSwift);
  EXPECT_EQ(found_[0].second, "recipient.phone");
  EXPECT_EQ(gateway_.Audit(v1::AuditEntry::KIND_DISCLOSURE).size(), 1u);

  const v1::Partner partner = gateway_.control->Get(kSwift);
  EXPECT_EQ(partner.state(), v1::PARTNER_STATE_SUSPENDED);
  EXPECT_EQ(partner.state_reason(), "verifier_finding");
  EXPECT_EQ(gateway_.RefusalOf(gateway_.Shipment("S-2", 1)), v1::ERROR_REASON_PARTNER_SUSPENDED);
  EXPECT_EQ(found_.size(), 1u);
}

// Clause: P1.1a
TEST_F(VerifierFindingTest, StopsWhatABatchPreparedBefore) {
  auto sound = gateway_.Shipment("S-1", 1);
  shop::v1::Shipment without_phone;
  ASSERT_TRUE(without_phone.ParseFromString(sound.record().data()));
  without_phone.mutable_recipient()->clear_phone();
  sound.mutable_record()->set_data(without_phone.SerializeAsString());
  const auto answers = gateway_.CreateBatch({sound, gateway_.Shipment("S-2", 1)});
  ASSERT_TRUE(answers.ok()) << answers.status();
  EXPECT_NE(ReasonOf(FromRpcStatus((*answers)[0].results(0).error())), v1::ERROR_REASON_UNSPECIFIED);
  EXPECT_EQ(ReasonOf(FromRpcStatus((*answers)[1].results(0).error())), v1::ERROR_REASON_VERIFIER_FINDING);
  EXPECT_TRUE(gateway_.Audit(v1::AuditEntry::KIND_DISCLOSURE).empty());
}

}  // namespace
}  // namespace postern::disclosure
