#include "server/revocation/campaign.h"

#include <algorithm>
#include <map>
#include <set>

#include <gmock/gmock.h>

#include "server/crypto/sha256.h"
#include "server/revocation/standing.h"
#include "tests/unit/server/revocation/revocation_fixture.h"

namespace postern::revocation {
namespace {

using CampaignTest = RevocationTest;
using StandingTest = RevocationTest;

// Clause: P1.4e
TEST(CampaignPropertyTest, EveryHeldHandleIsInExactlyOneSignedNotice) {
  for (const int handles_a_notice : {1, 3, 7, 1000}) {
    registry::TempDirectory directory;
    RevocationFixture gateway(directory.path(), registry::ControlFixture::DefaultNow(), handles_a_notice);
    gateway.Serve();
    std::vector<int64_t> seqs = gateway.Disclose(kSwift, 20);
    // Later versions of five of the records, under the same handles, and another partner's.
    gateway.Disclose("partners/nordic-freight", 4, 0);
    for (const int64_t seq : gateway.Disclose(kSwift, 5, 10)) seqs.push_back(seq);
    gateway.Handed(kSwift, seqs[22]);
    ASSERT_TRUE(gateway.Terminate().ok());
    ASSERT_TRUE(gateway.runner.RunOnce().ok());
    EXPECT_EQ(*gateway.runner.RunOnce(), 0) << "nothing is enumerated twice";

    const std::vector<storage::DisclosureRow> held = *gateway.store->ListHeld(gateway.Row(kSwift).id, 0, 1 << 20, 1000);
    std::set<std::string> expected;
    for (const storage::DisclosureRow& row : held) expected.emplace(row.handle.begin(), row.handle.end());
    ASSERT_EQ(expected.size(), 20u);
    std::map<std::string, int> named;
    for (const v1::DeletionNotice& notice : gateway.Notices()) {
      EXPECT_LE(notice.handle_count(), handles_a_notice);
      const auto signer =
          crypto::DsseVerify(FromProto(notice.envelope()), kNoticePayloadType, {gateway.notice_key.public_key()});
      EXPECT_TRUE(signer.ok()) << signer.status();
      const crypto::Sha256Digest digest = crypto::Sha256(notice.envelope().payload());
      EXPECT_EQ(notice.digest(), crypto::AsBytes(digest));
      const v1::DeletionNoticeStatement statement = *StatementOf(notice);
      EXPECT_EQ(statement.partner(), kSwift);
      EXPECT_EQ(statement.origin(), "shop.example/postern/test");
      for (const auto& item : statement.items()) {
        ++named[item.handle()];
        EXPECT_EQ(item.purpose(), "delivery");
        EXPECT_EQ(item.locator_path(), "reference");
      }
    }
    EXPECT_EQ(named.size(), expected.size());
    for (const auto& [handle, times] : named) {
      EXPECT_EQ(times, 1);
      EXPECT_TRUE(expected.contains(handle));
    }
    EXPECT_EQ(gateway.Campaign().handle_count(), 20);
    EXPECT_EQ(gateway.Campaign().state(), v1::DeletionCampaign::STATE_OPEN);
  }
}

TEST_F(CampaignTest, WithNothingHeldItClosesAtOnceAndThePartnerIsTerminated) {
  gateway_.Disclose(kSwift, 2);
  ASSERT_TRUE(gateway_.Terminate().ok());
  ASSERT_TRUE(gateway_.runner.RunOnce().ok());
  EXPECT_EQ(gateway_.Campaign().state(), v1::DeletionCampaign::STATE_CLOSED);
  EXPECT_EQ(gateway_.Get(kSwift).state(), v1::PARTNER_STATE_TERMINATED);
  EXPECT_EQ(gateway_.holder.Get()->FindPartner(kSwift)->handle, nullptr);
}

TEST_F(CampaignTest, OneThatFailsHoldsUpNoOther) {
  storage::CampaignRow broken;
  broken.partner = gateway_.Row(kSwift).id;
  broken.campaign.set_name("partners/nobody/deletionCampaigns/0");
  broken.campaign.set_state(v1::DeletionCampaign::STATE_OPEN);
  storage::ChangeSet change;
  change.campaigns.push_back(broken);
  ASSERT_TRUE(gateway_.store->Apply(change).ok());
  ASSERT_TRUE(gateway_.Terminate("partners/nordic-freight").ok());
  EXPECT_EQ(ReasonOf(gateway_.runner.RunOnce().status()), v1::ERROR_REASON_PARTNER_UNKNOWN);
  EXPECT_EQ(gateway_.Get("partners/nordic-freight").state(), v1::PARTNER_STATE_TERMINATED);
}

TEST_F(CampaignTest, TheRunnerWorksInTheBackground) {
  gateway_.runner.Start();
  const std::vector<int64_t> seqs = gateway_.Disclose(kSwift, 3);
  gateway_.Handed(kSwift, seqs[2]);
  ASSERT_TRUE(gateway_.Terminate().ok());
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (!gateway_.Campaign().enumeration_done() && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(5));
  gateway_.runner.Stop();
  EXPECT_EQ(gateway_.Campaign().handle_count(), 3);
  EXPECT_EQ(gateway_.runner.failed_rounds(), 0);
}

TEST_F(CampaignTest, IsDueAfterTheContractsDaysAndThenOverdue) {
  const std::vector<int64_t> seqs = gateway_.Disclose(kSwift, 1);
  gateway_.Handed(kSwift, seqs[0]);
  ASSERT_TRUE(gateway_.Terminate().ok());
  ASSERT_TRUE(gateway_.runner.RunOnce().ok());
  EXPECT_EQ(registry::ToTime(gateway_.Campaign().due_time()), gateway_.now() + absl::Hours(24 * 14));
  gateway_.Advance(absl::Hours(24 * 13));
  EXPECT_EQ(*FlagOverdueCampaigns(gateway_.control), 0);
  EXPECT_FALSE(gateway_.Notices().at(0).overdue());
  gateway_.Advance(absl::Hours(24));
  EXPECT_EQ(*FlagOverdueCampaigns(gateway_.control), 1);
  EXPECT_EQ(*FlagOverdueCampaigns(gateway_.control), 0) << "flagged once";
  EXPECT_TRUE(gateway_.Campaign().overdue());
  EXPECT_TRUE(gateway_.Notices().at(0).overdue());
  EXPECT_THAT(gateway_.event_names, ::testing::Contains("campaign.overdue"));
}

TEST_F(CampaignTest, ListsCampaignsAndNoticesInPages) {
  for (const char* partner : {kSwift, "partners/nordic-freight"}) {
    const std::vector<int64_t> seqs = gateway_.Disclose(partner, 1);
    gateway_.Handed(partner, seqs[0]);
    ASSERT_TRUE(gateway_.Terminate(partner).ok());
    gateway_.Advance(absl::Seconds(1));
  }
  ASSERT_TRUE(gateway_.runner.RunOnce().ok());
  v1::ListDeletionCampaignsRequest request;
  request.set_parent("partners/-");
  request.set_page_size(1);
  const auto first = gateway_.reader.ListDeletionCampaigns(request);
  ASSERT_EQ(first->campaigns_size(), 1);
  EXPECT_TRUE(first->campaigns(0).name().find("nordic") != std::string::npos) << "newest first";
  request.set_page_token(first->next_page_token());
  const auto second = gateway_.reader.ListDeletionCampaigns(request);
  ASSERT_EQ(second->campaigns_size(), 1);
  EXPECT_EQ(second->next_page_token(), "");
  v1::ListCampaignNoticesRequest notices;
  notices.set_parent(second->campaigns(0).name());
  EXPECT_EQ(gateway_.reader.ListCampaignNotices(notices)->notices_size(), 1);
  notices.set_page_token("x");
  EXPECT_EQ(ReasonOf(gateway_.reader.ListCampaignNotices(notices).status()), v1::ERROR_REASON_INVALID_ARGUMENT);
  notices.set_parent("partners/x/deletionCampaigns/y");
  EXPECT_EQ(ReasonOf(gateway_.reader.ListCampaignNotices(notices).status()), v1::ERROR_REASON_NOT_FOUND);
}

TEST_F(StandingTest, TellsGrantsFromSchemaAndWhatWaits) {
  gateway_.Disclose(kSwift, 2);
  const auto standing = GetStanding(gateway_.control, PartnerPrincipal());
  ASSERT_TRUE(standing.ok()) << standing.status();
  EXPECT_EQ(standing->state(), v1::PARTNER_STATE_ACTIVE);
  EXPECT_EQ(standing->pending_count(), 2);
  EXPECT_EQ(standing->max_unacknowledged(), 256);
  ASSERT_EQ(standing->grants_size(), 1);
  std::map<std::string, int> visibility;
  for (const auto& field : standing->grants(0).withheld()) visibility[field.path()] = field.visibility();
  EXPECT_EQ(visibility["customs.items.hs_code"], v1::GetStandingResponse::VISIBILITY_WITHHELD_BY_POLICY);
  for (const std::string& path : standing->grants(0).granted_paths()) {
    EXPECT_NE(visibility[path], v1::GetStandingResponse::VISIBILITY_NOT_GRANTED) << path;
  }
  EXPECT_TRUE(std::any_of(visibility.begin(), visibility.end(), [](const auto& entry) {
    return entry.second == v1::GetStandingResponse::VISIBILITY_NOT_GRANTED;
  }));
  // The window is the one that is applied: the smallest, of contracts that deliver by stream.
  auto snapshot = std::make_shared<registry::Snapshot>(*gateway_.holder.Get());
  auto view = std::make_shared<registry::PartnerView>(*snapshot->partners[kSwift]);
  const auto add = [&view](int window, bool stream) {
    auto contract = std::make_shared<policy::CompiledContract>();
    contract->terms.mutable_delivery()->set_max_unacknowledged(window);
    if (stream) {
      contract->terms.mutable_delivery()->mutable_receive();
    } else {
      contract->terms.mutable_delivery()->mutable_exchange();
    }
    view->contracts.push_back(std::move(contract));
  };
  add(16, true);
  add(4, false);
  snapshot->partners[kSwift] = view;
  gateway_.holder.Set(snapshot);
  EXPECT_EQ(GetStanding(gateway_.control, PartnerPrincipal())->max_unacknowledged(), 16);

  EXPECT_EQ(ReasonOf(GetStanding(gateway_.control, PartnerPrincipal("partners/nobody")).status()),
            v1::ERROR_REASON_PARTNER_UNKNOWN);
}

}  // namespace
}  // namespace postern::revocation
