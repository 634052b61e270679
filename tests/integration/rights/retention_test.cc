// The end of data's terms, over the real listeners. Events lie in the past, so that terms have ended.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "proto/postern/v1/retention_service.grpc.pb.h"
#include "server/registry/times.h"
#include "tests/integration/rights/rights_fixture.h"

namespace postern::testing {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class RetentionTest : public RightsTest {
 protected:
  RetentionTest() : RightsTest("limits { retention_settle_seconds: 1 }") {}

  void EndOrder(const std::string& reference, int days_ago) {
    ReportOrder("order-" + reference, v1::ORDER_EVENT_AFTER_SALES_CLOSED, absl::Now() - absl::Hours(24) * days_ago);
  }
  std::unique_ptr<v1::RetentionService::Stub> Retention(const std::string& person = "alice") {
    return v1::RetentionService::NewStub(gateway_.Person(person));
  }
  // Waits until the clock has settled.
  v1::RetentionRound RunRetention() {
    v1::RetentionRound round;
    grpc::Status status;
    for (int i = 0; i < 50; ++i) {
      status = Retention()->RunRetention(Deadline().get(), v1::RunRetentionRequest(), &round);
      if (testing::ReasonOf(status) != "ERROR_REASON_CLOCK_UNSETTLED") break;
      absl::SleepFor(absl::Milliseconds(100));
    }
    EXPECT_TRUE(status.ok()) << status.error_message();
    return round;
  }
  v1::RetentionReport Report() {
    v1::RetentionReport report;
    EXPECT_TRUE(Retention("vera")->GetRetentionReport(Deadline().get(), v1::GetRetentionReportRequest(), &report).ok());
    return report;
  }
};

// Clause: P1.3e
TEST_F(RetentionTest, AnOrderWhoseTermsAreOverIsDestroyedAndNoticed) {
  const Outcome held = Disclose(Shipment("A-1", "anna"));
  Receive(1);
  Disclose(Shipment("A-2", "anna"));
  EndOrder("A-1", 400);
  EXPECT_EQ(Report().due_count(), 0) << "nobody has looked at it yet";

  const v1::RetentionRound round = RunRetention();
  EXPECT_EQ(round.closed_count(), 1);
  EXPECT_EQ(round.handle_count(), 1);
  EXPECT_THAT(round.campaigns(), SizeIs(1));
  const std::vector<v1::DeletionNoticeStatement> notices = Notices();
  ASSERT_THAT(notices, SizeIs(1));
  EXPECT_EQ(notices[0].cause(), v1::DeletionCampaign::CAUSE_RETENTION);
  ASSERT_EQ(notices[0].items_size(), 1);
  EXPECT_EQ(notices[0].items(0).handle(), held.disclosure.handle());
  EXPECT_THAT(notices[0].items(0).categories(), IsEmpty()) << "the whole record";
  EXPECT_EQ(Disclose(Shipment("A-1", "anna", 2)).reason, "ERROR_REASON_KEY_SHREDDED")
      << "the order's key is destroyed for good";
  EXPECT_EQ(Disclose(Shipment("A-2", "anna", 2)).reason, "") << "the other order goes on";

  EXPECT_EQ(RunRetention().order_count(), 0) << "it is done once";
  EXPECT_EQ(AnswerNotices(), 1);
  EXPECT_EQ(Report().totals().closed_count(), 1);
}

// Clause: P1.3e
TEST_F(RetentionTest, WhatStillWaitsIsWithdrawnAtItsEnd) {
  const Outcome waiting = Disclose(Shipment("W-1", "anna"));
  EndOrder("W-1", 40);
  EXPECT_EQ(RunRetention().withdrawn_count(), 1);
  EXPECT_EQ(StateOf(waiting.disclosure.name()), v1::DISCLOSURE_STATE_WITHDRAWN);
  EXPECT_THAT(Notices(), IsEmpty()) << "nobody holds it";
}

// Clause: W3c
TEST_F(RetentionTest, EachCategoryEndsByItsOwnTerm) {
  Disclose(Shipment("C-1", "anna"));
  Receive(1);
  EndOrder("C-1", 40);
  const v1::RetentionRound round = RunRetention();
  EXPECT_EQ(round.closed_count(), 0);
  EXPECT_EQ(round.handle_count(), 1);
  std::vector<v1::DeletionNoticeStatement> notices = Notices();
  ASSERT_THAT(notices, SizeIs(1));
  EXPECT_THAT(notices[0].items(0).categories(), Contains("delivery_name")) << "30 days";
  EXPECT_THAT(notices[0].items(0).categories(), Not(Contains("order_reference"))) << "90 days by the contract";

  // The plan names the next end: 90 days, whole ones, after the event.
  v1::PlanRetentionRequest ask;
  ask.set_days(60);
  v1::RetentionPlan plan;
  ASSERT_TRUE(Retention("vera")->PlanRetention(Deadline().get(), ask, &plan).ok());
  ASSERT_EQ(plan.days_size(), 1) << plan.ShortDebugString();
  EXPECT_EQ(plan.days(0).order_count(), 1);
  const absl::CivilDay event = registry::UtcDay(absl::Now() - absl::Hours(24) * 40);
  EXPECT_EQ(plan.days(0).date(), absl::FormatCivilTime(event + 91));

  // Told twice, it is noticed once.
  ReportOrder("order-C-1", v1::ORDER_EVENT_DELIVERED, absl::Now() - absl::Hours(24) * 45);
  EXPECT_EQ(RunRetention().handle_count(), 0);
  EXPECT_THAT(Notices(), SizeIs(1));
}

// Clause: W3c
TEST_F(RetentionTest, ALegalHoldKeepsTheOrderUntilItEnds) {
  Disclose(Shipment("H-1", "anna"));
  Receive(1);
  v1::PlaceLegalHoldRequest hold;
  hold.mutable_subject()->set_id("anna");
  hold.mutable_legal_hold()->set_id("court");
  hold.mutable_legal_hold()->set_ground("proceedings 12/2026");
  registry::SetTime(absl::Now() + absl::Hours(24), hold.mutable_legal_hold()->mutable_end_time());
  v1::Subject subject;
  const auto officer = v1::SubjectRightsService::NewStub(gateway_.Person("alice"));
  ASSERT_TRUE(officer->PlaceLegalHold(Deadline().get(), hold, &subject).ok());
  EndOrder("H-1", 400);
  EXPECT_EQ(RunRetention().held_count(), 1);
  EXPECT_THAT(Notices(), IsEmpty());

  v1::ReleaseLegalHoldRequest release;
  release.mutable_subject()->set_id("anna");
  release.set_id("court");
  ASSERT_TRUE(officer->ReleaseLegalHold(Deadline().get(), release, &subject).ok());
  // An event makes the order due at once; otherwise it would be looked at within a day.
  ReportOrder("order-H-1", v1::ORDER_EVENT_CLOSED, absl::Now() - absl::Hours(24) * 401);
  EXPECT_EQ(RunRetention().closed_count(), 1);
  EXPECT_THAT(Notices(), SizeIs(1));
}

TEST_F(RetentionTest, RoundsThatMeetDoTheWorkOnce) {
  for (int i = 0; i < 150; ++i) Disclose(Shipment(absl::StrCat("D-", i), "anna"));
  Receive(150);
  for (int i = 0; i < 150; ++i) EndOrder(absl::StrCat("D-", i), 400);
  while (Report().clock_unsettled()) absl::SleepFor(absl::Milliseconds(100));
  v1::RetentionRound rounds[3];
  std::vector<std::thread> starts;
  for (v1::RetentionRound& round : rounds) starts.emplace_back([&] { round = RunRetention(); });
  for (std::thread& start : starts) start.join();
  EXPECT_EQ(rounds[0].closed_count() + rounds[1].closed_count() + rounds[2].closed_count(), 150);
  EXPECT_EQ(rounds[0].handle_count() + rounds[1].handle_count() + rounds[2].handle_count(), 150);
  EXPECT_EQ(AnswerNotices(), 150);
}

TEST_F(RetentionTest, ACrashAtAnyStepLeavesTheOrderDueAndNothingTwice) {
  int round = 0;
  for (const char* step : {"retention.withdrawn", "retention.shredded"}) {
    SCOPED_TRACE(step);
    const std::string reference = absl::StrCat("R-", ++round);
    Disclose(Shipment(reference, "anna"));
    Receive(1);
    EndOrder(reference, 400);
    Restart(absl::StrCat(step, "=abort"));
    v1::RetentionRound broken;
    for (int i = 0; i < 50; ++i) {
      const grpc::Status status = Retention()->RunRetention(Deadline().get(), v1::RunRetentionRequest(), &broken);
      if (testing::ReasonOf(status) != "ERROR_REASON_CLOCK_UNSETTLED") break;
      absl::SleepFor(absl::Milliseconds(100));
    }
    AwaitDeath();
    Restart();
    EXPECT_EQ(RunRetention().closed_count(), 1);
    EXPECT_EQ(AnswerNotices(), 1);
    EXPECT_EQ(Disclose(Shipment(reference, "anna", 2)).reason, "ERROR_REASON_KEY_SHREDDED");
  }
}

// A machine whose clock was set a moment ago destroys nothing.
TEST_F(RightsTest, RetentionWaitsUntilTheClockHasSettled) {
  Disclose(Shipment("U-1", "anna"));
  ReportOrder("order-U-1", v1::ORDER_EVENT_AFTER_SALES_CLOSED, absl::Now() - absl::Hours(24) * 400);
  v1::RetentionRound round;
  const auto retention = v1::RetentionService::NewStub(gateway_.Person("alice"));
  EXPECT_EQ(testing::ReasonOf(retention->RunRetention(Deadline().get(), v1::RunRetentionRequest(), &round)),
            "ERROR_REASON_CLOCK_UNSETTLED");
  EXPECT_EQ(Disclose(Shipment("U-1", "anna", 2)).reason, "");
  const auto viewer = v1::RetentionService::NewStub(gateway_.Person("vera"));
  EXPECT_EQ(testing::ReasonOf(viewer->RunRetention(Deadline().get(), v1::RunRetentionRequest(), &round)),
            "ERROR_REASON_ROLE_DENIED");
}

}  // namespace
}  // namespace postern::testing
