#include "server/revocation/contract_clock.h"

#include <algorithm>

#include <gmock/gmock.h>

#include "tests/unit/server/revocation/revocation_fixture.h"

namespace postern::revocation {
namespace {

class ContractClockTest : public RevocationTest {
 protected:
  void On(int year, int month, int day) {
    gateway_.Advance(absl::FromCivil(absl::CivilSecond(year, month, day, 6, 0, 0), absl::UTCTimeZone()) -
                     gateway_.now());
    const absl::Status status = gateway_.clock.RunOnce();
    EXPECT_TRUE(status.ok()) << status;
  }
  int Warnings() {
    return static_cast<int>(std::count(gateway_.event_names.begin(), gateway_.event_names.end(), "contract.expiring"));
  }
};

// swift-parcel's qualification ends on 2028-06-30, nordic-freight's on 2028-03-31, clear-pay's on 2028-09-30.
// Clause: P1.4c
TEST_F(ContractClockTest, AnExpiredDocumentSuspendsAtOnceAndTerminatesAfterTheGrace) {
  On(2028, 6, 30);
  EXPECT_EQ(gateway_.Get(kSwift).state(), v1::PARTNER_STATE_ACTIVE) << "the last day is a day";
  On(2028, 7, 1);
  EXPECT_EQ(gateway_.Get(kSwift).state(), v1::PARTNER_STATE_SUSPENDED);
  EXPECT_EQ(gateway_.Get(kSwift).state_reason(), "document_expired");
  EXPECT_FALSE(gateway_.snapshots->Fence(kSwift)->open());
  EXPECT_EQ(gateway_.Get("partners/clear-pay").state(), v1::PARTNER_STATE_ACTIVE);
  On(2028, 7, 30);
  EXPECT_EQ(gateway_.Get(kSwift).state(), v1::PARTNER_STATE_SUSPENDED);
  On(2028, 7, 31);
  EXPECT_EQ(gateway_.Get(kSwift).state(), v1::PARTNER_STATE_TERMINATING);
  EXPECT_GE(gateway_.clock.totals().suspended, 1);
  EXPECT_GE(gateway_.clock.totals().terminated, 1);
}

// Clause: P1.4c
TEST_F(ContractClockTest, WarnsThirtySevenAndOneDayBefore) {
  On(2028, 2, 28);
  EXPECT_EQ(Warnings(), 0);
  On(2028, 3, 1);
  EXPECT_EQ(Warnings(), 1);
  On(2028, 3, 20);
  EXPECT_EQ(Warnings(), 1) << "once each";
  On(2028, 3, 24);
  EXPECT_EQ(Warnings(), 2);
  On(2028, 3, 30);
  On(2028, 3, 31);
  EXPECT_EQ(Warnings(), 3);
  EXPECT_EQ(gateway_.clock.totals().warnings, 3);
}

TEST(ContractClockWarningTest, IsInTheAuditLogOnceAlsoAfterARestart) {
  registry::TempDirectory directory;
  const absl::Time day = absl::FromCivil(absl::CivilSecond(2028, 3, 24, 6, 0, 0), absl::UTCTimeZone());
  for (int start = 0; start < 2; ++start) {
    RevocationFixture gateway(directory.path(), start == 0 ? registry::ControlFixture::DefaultNow() : day);
    if (start == 0) gateway.Serve();
    gateway.Advance(day - gateway.now());
    ASSERT_TRUE(gateway.clock.RunOnce().ok());
    EXPECT_EQ(gateway.clock.totals().warnings, start == 0 ? 1 : 0);
    const std::vector<std::string> actions = gateway.AuditActions();
    EXPECT_EQ(std::count(actions.begin(), actions.end(), "contract.expiring"), 1);
  }
}

// Clause: P1.4c
TEST_F(ContractClockTest, APartnerWhoseLastContractWasRemovedIsSuspended) {
  v1::ApplyPolicyBundleRequest apply;
  *apply.mutable_bundle() = gateway_.Bundle();
  auto* files = apply.mutable_bundle()->mutable_files();
  for (int i = files->size() - 1; i >= 0; --i) {
    if (files->Get(i).name().find("swift-parcel") != std::string::npos) files->DeleteSubrange(i, 1);
  }
  const auto applied = gateway_.bundles.ApplyPolicyBundle("operators/alice", apply);
  ASSERT_TRUE(applied.ok()) << applied.status();
  ASSERT_TRUE(gateway_.clock.RunOnce().ok());
  EXPECT_EQ(gateway_.Get(kSwift).state(), v1::PARTNER_STATE_SUSPENDED);
  EXPECT_EQ(gateway_.Get(kSwift).state_reason(), "no_contract");
  EXPECT_EQ(gateway_.Get("partners/clear-pay").state(), v1::PARTNER_STATE_ACTIVE);
}

TEST(ContractClockActionTest, AContractThatSaysSoTerminatesAtExpiry) {
  registry::TempDirectory directory;
  RevocationFixture gateway(directory.path());
  gateway.Serve(
      {{"action: SUSPEND", "action: TERMINATE"}, {"expires_on: \"2028-12-31\"", "expires_on: \"2026-08-31\""}});
  gateway.Advance(absl::FromCivil(absl::CivilDay(2026, 9, 1), absl::UTCTimeZone()) - gateway.now());
  ASSERT_TRUE(gateway.clock.RunOnce().ok());
  EXPECT_EQ(gateway.Get(kSwift).state(), v1::PARTNER_STATE_TERMINATING);
  EXPECT_EQ(gateway.Get(kSwift).state_reason(), "contract_expired");
}

TEST_F(ContractClockTest, FlagsOverdueCampaigns) {
  const std::vector<int64_t> seqs = gateway_.Disclose(kSwift, 1);
  gateway_.Handed(kSwift, seqs[0]);
  ASSERT_TRUE(gateway_.Terminate().ok());
  ASSERT_TRUE(gateway_.runner.RunOnce().ok());
  On(2026, 6, 20);
  EXPECT_EQ(gateway_.clock.totals().campaigns_overdue, 1);
  EXPECT_TRUE(gateway_.Campaign().overdue());
}

TEST_F(ContractClockTest, RunsInTheBackground) {
  gateway_.Advance(absl::FromCivil(absl::CivilDay(2028, 7, 1), absl::UTCTimeZone()) - gateway_.now());
  gateway_.clock.Start();
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (gateway_.clock.totals().suspended < 1 && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(5));
  gateway_.clock.Stop();
  EXPECT_EQ(gateway_.Get(kSwift).state(), v1::PARTNER_STATE_SUSPENDED);
  EXPECT_EQ(gateway_.clock.totals().failed_rounds, 0);
}

}  // namespace
}  // namespace postern::revocation
