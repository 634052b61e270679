// Where somebody's request meets a release that is under way. Each meeting is arranged at one place of the code
// (server/base/failpoint_hook.h) and so comes about every time: a record that may have been released is in the notices,
// the other is refused or withdrawn; never neither.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <set>
#include <thread>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "server/base/failpoint_hook.h"
#include "tests/integration/lifecycle/world.h"

namespace postern::lifecycle {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr int kPerson = 1;

// Holds the thread that comes by `place` first, starts `act` on another, and lets the first go on when the other has
// come by `until` or has ended.
class Meeting {
 public:
  Meeting(const std::string& place, const std::string& until, std::function<void()> act)
      : act_(std::move(act)),
        until_(until,
               [this] {
                 Reach();
                 return false;
               }),
        place_(place, [this] {
          if (!met_.exchange(true)) {
            thread_ = std::thread([this] {
              act_();
              Reach();
            });
            reached_.WaitForNotification();
          }
          return false;
        }) {}
  ~Meeting() {
    if (met_) End();
  }
  // To be called before what `act` changed is looked at. False if nobody came by.
  bool End() {
    // It comes about on a thread of the gateway's.
    for (int i = 0; i < 500 && !met_; ++i) absl::SleepFor(absl::Milliseconds(10));
    if (met_) reached_.WaitForNotification();
    if (thread_.joinable()) thread_.join();
    return met_;
  }

 private:
  void Reach() {
    if (!said_.exchange(true)) reached_.Notify();
  }

  const std::function<void()> act_;
  std::atomic<bool> met_{false};
  std::atomic<bool> said_{false};
  absl::Notification reached_;
  std::thread thread_;
  base::ScopedFailpointHook until_;
  base::ScopedFailpointHook place_;
};

// The carrier's stream, with credits from the start.
class Stream {
 public:
  explicit Stream(World& world, bool acknowledges = false) : acknowledges_(acknowledges) {
    auto session = world.core().hub->OpenSession(world.carrier(), {[] {}, [](const absl::Status&) {}});
    EXPECT_TRUE(session.ok()) << session.status();
    session_ = *std::move(session);
    v1::ReceiveRequest credit;
    credit.set_add_records(100);
    credit.set_add_bytes(1 << 20);
    EXPECT_TRUE(session_->OnRequest(credit).ok());
  }
  ~Stream() { session_->End(); }

  // What came since the last time, as "{reference} {version}", waiting for `count` records or, at the end of its
  // patience, for fewer.
  std::vector<std::string> Take(int count, absl::Duration patience = absl::Seconds(10)) {
    std::vector<std::string> taken;
    const absl::Time deadline = absl::Now() + patience;
    while (static_cast<int>(taken.size()) < count && absl::Now() < deadline) {
      auto batch = session_->Next();
      if (!batch.ok()) break;
      if (!*batch) {
        absl::SleepFor(absl::Milliseconds(2));
        continue;
      }
      (*batch)->pass.Release();
      for (const v1::DeliveredRecord& record : (*batch)->response->records()) {
        shop::v1::Shipment shipment;
        EXPECT_TRUE(shipment.ParseFromString(record.record().data()));
        taken.push_back(shipment.reference() + " " + std::to_string(record.record_version()));
        handles_.insert(record.handle());
        if (!acknowledges_) continue;
        v1::ReceiveRequest acknowledge;
        v1::DeliveryRange* range = acknowledge.add_acknowledged();
        range->set_first(record.delivery());
        range->set_last(record.delivery());
        EXPECT_TRUE(session_->OnRequest(acknowledge).ok());
      }
    }
    return taken;
  }
  const std::set<std::string>& handles() const { return handles_; }

 private:
  const bool acknowledges_;
  std::shared_ptr<delivery::ReceiveSession> session_;
  std::set<std::string> handles_;
};

class RaceTest : public ::testing::Test {
 protected:
  // One order whose after-sales service is closed, so that an erasure does not wait.
  void CloseOrder(int order) { world_.CloseAfterSales(order); }
  std::set<std::string> Noticed() {
    const std::vector<std::string> handles = world_.AnswerNotices();
    return {handles.begin(), handles.end()};
  }
  std::function<void()> Erasing() {
    return [this] { EXPECT_EQ(world_.Erase(kPerson).reason, ""); };
  }

  World world_{World::Files::kInMemory};
};

// Clause: P1.5c
TEST_F(RaceTest, AnErasureBeforeTheCommitRefusesTheDisclosure) {
  CloseOrder(1);
  Meeting meeting("disclosure.before_commit", "rights.erasure_begun", Erasing());
  const World::Disclosed disclosed = world_.Disclose(kPerson, 1);
  ASSERT_TRUE(meeting.End());
  EXPECT_EQ(disclosed.reason, "ERROR_REASON_FENCED") << "judged before the erasure and committed after it";
  EXPECT_EQ(world_.Disclose(kPerson, 2).reason, "ERROR_REASON_SUBJECT_SUPPRESSED");
  EXPECT_THAT(Noticed(), IsEmpty());
  EXPECT_THAT(world_.Receive(0), IsEmpty());
}

// Clause: P1.5c
TEST_F(RaceTest, AnErasureBetweenCommitAndReleaseWithdrawsTheDisclosure) {
  CloseOrder(1);
  Meeting meeting("disclosure.after_commit", "rights.erasure_shredded", Erasing());
  const World::Disclosed disclosed = world_.Disclose(kPerson, 1);
  ASSERT_TRUE(meeting.End());
  ASSERT_EQ(disclosed.reason, "") << "it was in the ledger before the erasure";
  EXPECT_EQ(world_.StateOf(disclosed.name), v1::DISCLOSURE_STATE_WITHDRAWN);
  EXPECT_THAT(Noticed(), IsEmpty()) << "nobody has it";
  EXPECT_THAT(world_.Receive(0), IsEmpty());
}

// Clause: P1.5c
TEST_F(RaceTest, SoItDoesWhileTheCarrierListensUnlessItMayHaveIt) {
  CloseOrder(1);
  World::Disclosed disclosed;
  std::set<std::string> got;
  {
    Stream stream(world_);
    Meeting meeting("disclosure.after_commit", "rights.erasure_shredded", Erasing());
    disclosed = world_.Disclose(kPerson, 1);
    ASSERT_TRUE(meeting.End());
    stream.Take(1, absl::Milliseconds(200));
    got = stream.handles();
  }
  ASSERT_EQ(disclosed.reason, "");
  const std::set<std::string> noticed = Noticed();
  for (const std::string& handle : got) EXPECT_THAT(noticed, Contains(handle)) << "it came and is in no notice";
  if (noticed.count(disclosed.handle) == 0) {
    EXPECT_EQ(world_.StateOf(disclosed.name), v1::DISCLOSURE_STATE_WITHDRAWN);
  }
  EXPECT_THAT(world_.Receive(0), IsEmpty()) << "it came after the erasure";
}

// Clause: P1.5c
TEST_F(RaceTest, WhatIsOnItsWayIsInTheNotices) {
  CloseOrder(1);
  const World::Disclosed disclosed = world_.Disclose(kPerson, 1);
  ASSERT_EQ(disclosed.reason, "");
  Meeting meeting("dispatch.after", "rights.erasure_shredded", Erasing());
  {
    Stream stream(world_);
    stream.Take(1, absl::Milliseconds(500));
    ASSERT_TRUE(meeting.End());
  }
  // The mark was durable: from then on the carrier may have it, whatever became of the stream.
  EXPECT_THAT(Noticed(), Contains(disclosed.handle));
  EXPECT_THAT(world_.Receive(0), IsEmpty()) << "handed over again";
}

// Clause: P1.5c
TEST_F(RaceTest, WhatTheCarrierHasNotAcknowledgedIsInTheNotices) {
  CloseOrder(1);
  const World::Disclosed disclosed = world_.Disclose(kPerson, 1);
  Stream stream(world_);
  ASSERT_THAT(stream.Take(1), Contains("R-1 1"));
  Erasing()();
  EXPECT_THAT(Noticed(), Contains(disclosed.handle));
}

// Clause: P1.5d
TEST_F(RaceTest, AWithdrawalBeforeTheCommitRefusesTheDisclosureThatReliedOnTheConsent) {
  ASSERT_EQ(world_.SetConsent(kPerson, true), "");
  Meeting meeting("disclosure.before_commit", "rights.consent_written",
                  [this] { EXPECT_EQ(world_.SetConsent(kPerson, false), ""); });
  const World::Disclosed disclosed = world_.Disclose(kPerson, 1);
  ASSERT_TRUE(meeting.End());
  EXPECT_EQ(disclosed.reason, "ERROR_REASON_FENCED");
  ASSERT_EQ(world_.Disclose(kPerson, 2).reason, "");
  const std::vector<World::Received> received = world_.Receive(1);
  ASSERT_EQ(received.size(), 1u);
  EXPECT_FALSE(received[0].neighbour);
}

// Clause: P1.5b
TEST_F(RaceTest, ACorrectionThatMeetsTheReleaseOfTheOldVersionComesAfterIt) {
  const World::Disclosed old = world_.Disclose(kPerson, 1);
  World::Disclosed corrected;
  Meeting meeting("dispatch.before", "rights.rectified", [&] { corrected = world_.Rectify(kPerson, 1, 2); });
  Stream stream(world_, /*acknowledges=*/true);
  // The old version comes if its hand-over was too far gone to be called back; the new one always does.
  std::vector<std::string> taken = stream.Take(1);
  ASSERT_TRUE(meeting.End());
  ASSERT_EQ(corrected.reason, "");
  if (taken.empty() || taken.back() != "R-1 2") {
    for (const std::string& next : stream.Take(1)) taken.push_back(next);
  }
  for (const std::string& late : stream.Take(1, absl::Milliseconds(300))) taken.push_back(late);
  ASSERT_FALSE(taken.empty());
  EXPECT_EQ(taken.back(), "R-1 2") << "the old version came last";
  if (taken.size() == 1) EXPECT_EQ(world_.StateOf(old.name), v1::DISCLOSURE_STATE_WITHDRAWN);
  EXPECT_EQ(world_.Disclose(kPerson, 1, 1).reason, "ERROR_REASON_RECORD_VERSION_STALE");
}

// Clause: P1.3e
TEST_F(RaceTest, AnOrderThatGrowsWhileItIsClosedIsClosedWithWhatCame) {
  ASSERT_EQ(world_.Disclose(kPerson, 1).reason, "");
  world_.Receive(1);
  CloseOrder(1);
  world_.Advance(absl::Hours(24 * 92));
  World::Disclosed grown;
  Meeting meeting("retention.withdrawn", "no failpoint", [&] { grown = world_.Disclose(kPerson, 1, 2); });
  world_.RunBackground();
  ASSERT_TRUE(meeting.End());
  ASSERT_EQ(grown.reason, "") << "the order's key was still there";
  EXPECT_EQ(world_.OrdersOver(), 1);
  EXPECT_EQ(world_.StateOf(grown.name), v1::DISCLOSURE_STATE_WITHDRAWN) << "nobody looked at it again";
  EXPECT_THAT(world_.Receive(0), IsEmpty());
  EXPECT_THAT(Noticed(), Contains(grown.handle)) << "of the first version";
  EXPECT_EQ(world_.Disclose(kPerson, 1, 3).reason, "ERROR_REASON_KEY_SHREDDED");
}

// Clause: P1.3e
TEST_F(RaceTest, AndIfThePartnerGotItItIsAskedForIt) {
  ASSERT_EQ(world_.Disclose(kPerson, 1).reason, "");
  CloseOrder(1);
  world_.Advance(absl::Hours(24 * 92));
  Stream stream(world_);
  ASSERT_THAT(stream.Take(1), Contains("R-1 1"));
  World::Disclosed grown;
  Meeting meeting("retention.withdrawn", "no failpoint", [&] {
    grown = world_.Disclose(kPerson, 1, 2);
    stream.Take(1, absl::Milliseconds(500));
  });
  world_.RunBackground();
  ASSERT_TRUE(meeting.End());
  ASSERT_EQ(grown.reason, "");
  EXPECT_EQ(world_.OrdersOver(), 1);
  const std::vector<std::string> asked = world_.AnswerNotices();
  EXPECT_THAT(asked, Contains(grown.handle));
}

class MajorityTest : public RaceTest {};

// Clause: W6a
TEST_F(MajorityTest, WhatWaitsAsAnAdultsIsTakenBackWhenAGuardianIsLinked) {
  ASSERT_EQ(world_.SetConsent(kPerson, true), "");
  const World::Disclosed adult = world_.Disclose(kPerson, 1);
  world_.LinkGuardian(kPerson, 30);
  EXPECT_EQ(world_.StateOf(adult.name), v1::DISCLOSURE_STATE_WITHDRAWN) << "it holds what is kept from partners";
  ASSERT_EQ(world_.Disclose(kPerson, 2).reason, "");
  world_.LinkGuardian(kPerson, 60);
  const std::vector<World::Received> received = world_.Receive(1);
  ASSERT_EQ(received.size(), 1u) << "a minor's record may wait";
  EXPECT_FALSE(received[0].neighbour);
}

// Clause: W6a
TEST_F(MajorityTest, FromTheDayOfMajorityThePersonDecidesAlone) {
  world_.LinkGuardian(kPerson, 10);
  ASSERT_EQ(world_.SetConsent(kPerson, true, /*by_guardian=*/true), "");
  ASSERT_EQ(world_.Disclose(kPerson, 1).reason, "");
  ASSERT_FALSE(world_.Receive(1).at(0).neighbour) << "a minor's ceiling holds whatever was consented to";
  const World::Asked asked = world_.Erase(kPerson, /*by_guardian=*/true);
  ASSERT_EQ(asked.state, v1::SubjectRequest::STATE_SCHEDULED) << "the order is open";

  world_.Advance(absl::Hours(24 * 10));
  world_.RunBackground();
  EXPECT_EQ(world_.StateOfRequest(asked.name), v1::SubjectRequest::STATE_EXPIRED) << "the guardian's request stays";
  EXPECT_EQ(world_.Erase(kPerson, /*by_guardian=*/true).reason, "ERROR_REASON_GUARDIAN_UNLINKED");
  EXPECT_EQ(world_.SetConsent(kPerson, true, /*by_guardian=*/true), "ERROR_REASON_GUARDIAN_UNLINKED");
  // What the guardian consented to stays until the person says no.
  ASSERT_EQ(world_.Disclose(kPerson, 2).reason, "");
  EXPECT_TRUE(world_.Receive(1).at(0).neighbour);
  EXPECT_EQ(world_.SetConsent(kPerson, false), "");
  EXPECT_EQ(world_.SetConsent(kPerson, true), "") << "the person alone";

  // Records of before and after hang from different roots, and an erasure takes both.
  const World::Disclosed waiting = world_.Disclose(kPerson, 3);
  for (const int order : {1, 2, 3}) CloseOrder(order);
  EXPECT_EQ(world_.Erase(kPerson).reason, "");
  EXPECT_EQ(world_.StateOf(waiting.name), v1::DISCLOSURE_STATE_WITHDRAWN);
  EXPECT_EQ(Noticed().size(), 2u);
}

}  // namespace
}  // namespace postern::lifecycle
