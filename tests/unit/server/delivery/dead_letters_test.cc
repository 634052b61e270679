#include "server/delivery/dead_letters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/errors/error.h"
#include "server/registry/grant_archive.h"
#include "tests/unit/server/delivery/delivery_fixture.h"

namespace postern::delivery {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class DeadLettersTest : public ::testing::Test {
 protected:
  DeadLettersTest() {
    alice_.name = "operators/alice";
    Open();
  }
  void Open() {
    letters_.reset();
    archive_ = std::make_unique<registry::GrantArchive>(fixture_.gateway->store.get());
    letters_ =
        std::make_unique<DeadLetters>(&fixture_.gateway->control->holder, archive_.get(), fixture_.gateway->store.get(),
                                      fixture_.hub.get(), "log", fixture_.gateway->clock());
  }

  // Discloses a record that the partner rejects on `stream`; returns its name.
  std::string Reject(TestStream& stream, absl::string_view reference) {
    const std::string name = fixture_.gateway->Disclose(reference, 1);
    const auto records = stream.Read(1);
    EXPECT_THAT(ReferencesOf(records), ElementsAre(reference));
    if (records.size() != 1) return name;
    EXPECT_TRUE(stream.Reject(records[0].delivery(), v1::DeliveryRejection::ACTION_REJECT).ok());
    EXPECT_TRUE(fixture_.Becomes(name, v1::DISCLOSURE_STATE_DEAD_LETTERED));
    return name;
  }
  absl::Status Replay(const std::string& name) {
    v1::ReplayDeadLetterRequest request;
    request.set_name(name);
    return letters_->Replay(alice_, request).status();
  }
  absl::Status Drop(const std::string& name) {
    v1::DropDeadLetterRequest request;
    request.set_name(name);
    return letters_->Drop(alice_, request).status();
  }
  std::vector<v1::DeadLetter> List() {
    v1::ListDeadLettersRequest request;
    request.set_parent(std::string(kSwift));
    const auto response = letters_->List(request);
    EXPECT_TRUE(response.ok()) << response.status();
    return {response->dead_letters().begin(), response->dead_letters().end()};
  }
  void Apply(const std::vector<std::pair<std::string, std::string>>& edit) {
    v1::ApplyPolicyBundleRequest request;
    *request.mutable_bundle() = fixture_.gateway->control->Bundle(edit);
    const auto applied = fixture_.gateway->control->bundles.ApplyPolicyBundle("operators/alice", request);
    ASSERT_TRUE(applied.ok()) << applied.status();
  }

  DeliveryFixture fixture_;
  identity::Principal alice_;
  std::unique_ptr<registry::GrantArchive> archive_;
  std::unique_ptr<DeadLetters> letters_;
};

TEST_F(DeadLettersTest, BlocksItsKeyUntilItIsReplayedOrDropped) {
  TestStream stream = fixture_.Connect();
  ASSERT_TRUE(stream.Credit(10).ok());
  const std::string first = Reject(stream, "S-1");
  fixture_.gateway->Disclose("S-1", 2);
  fixture_.gateway->Disclose("S-1", 3);
  fixture_.gateway->Disclose("S-2", 1);
  ASSERT_THAT(ReferencesOf(stream.Read(2)), ElementsAre("S-2"));
  const std::vector<v1::DeadLetter> listed = List();
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].disclosure().name(), first);
  EXPECT_EQ(listed[0].reason(), "rejected");
  EXPECT_EQ(listed[0].blocked_count(), 2);

  ASSERT_TRUE(Replay(first).ok());
  std::vector<v1::DeliveredRecord> records = stream.Read(1);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].disclosure(), first);
  EXPECT_TRUE(records[0].redelivered());
  EXPECT_THAT(List(), IsEmpty());
  ASSERT_TRUE(stream.Reject(records[0].delivery(), v1::DeliveryRejection::ACTION_REJECT).ok());
  ASSERT_TRUE(fixture_.Becomes(first, v1::DISCLOSURE_STATE_DEAD_LETTERED));
  EXPECT_EQ(List().at(0).blocked_count(), 2);

  ASSERT_TRUE(Drop(first).ok());
  records = stream.Read(1);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].record_version(), 2u);
  EXPECT_EQ(ReasonOf(Drop(first)), v1::ERROR_REASON_NOT_FOUND);
}

TEST_F(DeadLettersTest, AReplayedOneComesBeforeTheLaterOnesOfItsKeyAfterARestartToo) {
  {
    TestStream stream = fixture_.Connect();
    ASSERT_TRUE(stream.Credit(10).ok());
    Reject(stream, "S-1");
  }
  const std::string first = List().at(0).disclosure().name();
  fixture_.gateway->Disclose("S-1", 2);
  ASSERT_TRUE(Replay(first).ok());
  letters_.reset();
  fixture_.Restart();
  Open();
  TestStream stream = fixture_.Connect();
  ASSERT_TRUE(stream.Credit(10).ok());
  for (const uint64_t version : {1, 2}) {
    const auto records = stream.Read(1);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].record_version(), version);
    EXPECT_EQ(records[0].redelivered(), version == 1);
    ASSERT_TRUE(stream.Acknowledge(records[0].delivery(), records[0].delivery()).ok());
  }
  EXPECT_TRUE(fixture_.Becomes(first, v1::DISCLOSURE_STATE_DELIVERED));
}

TEST_F(DeadLettersTest, OneThatIsReplayedWhileOthersAreCommittedIsNotPassedOver) {
  TestStream stream = fixture_.Connect();
  ASSERT_TRUE(stream.Credit(10).ok());
  const std::string first = Reject(stream, "S-1");
  // The replay has its position, and a later record of another key is committed before the queue knows.
  std::vector<v1::DeliveredRecord> early;
  fixture_.gateway->store->AfterReplay([&] {
    fixture_.gateway->Disclose("S-2", 1);
    early = stream.Read(1);
    if (!early.empty()) ASSERT_TRUE(stream.Acknowledge(early[0].delivery(), early[0].delivery()).ok());
    absl::SleepFor(absl::Milliseconds(50));  // for a watermark to be settled
  });
  ASSERT_TRUE(Replay(first).ok());
  std::vector<v1::DeliveredRecord> records = stream.Read(2 - early.size());
  ASSERT_EQ(records.size() + early.size(), 2u) << v1::DisclosureState_Name(fixture_.Row(first).state);
  EXPECT_EQ(records[0].disclosure(), first);
  ASSERT_TRUE(stream.Acknowledge(records[0].delivery(), records.back().delivery()).ok());
  EXPECT_TRUE(fixture_.Becomes(first, v1::DISCLOSURE_STATE_DELIVERED));
}

TEST_F(DeadLettersTest, IsReplayedUnderANewPolicyThatReleasesAllOfIt) {
  TestStream stream = fixture_.Connect();
  ASSERT_TRUE(stream.Credit(10).ok());
  const std::string name = Reject(stream, "S-1");
  Apply({{"version: \"2026-01\"", "version: \"2026-02\""}});
  ASSERT_TRUE(Replay(name).ok());
  EXPECT_THAT(ReferencesOf(stream.Read(1)), ElementsAre("S-1"));
  const v1::AuditEntry entry = fixture_.gateway->Audit(v1::AuditEntry::KIND_OPERATOR_ACTION).back();
  EXPECT_EQ(entry.resource(), name);
  EXPECT_EQ(entry.details().at("action"), "replay_dead_letter");
  EXPECT_EQ(entry.details().at("policy_version"), "2026-02");
}

TEST_F(DeadLettersTest, IsWithdrawnWhereThePlanInForceReleasesLess) {
  TestStream stream = fixture_.Connect();
  ASSERT_TRUE(stream.Credit(10).ok());
  const std::string name = Reject(stream, "S-1");
  Apply({{"  fields { path: \"recipient.phone\" }\n", ""}});
  fixture_.gateway->Disclose("S-1", 2);
  EXPECT_EQ(ReasonOf(Replay(name)), v1::ERROR_REASON_PURPOSE_NOT_GRANTED);
  EXPECT_EQ(fixture_.Row(name).state, v1::DISCLOSURE_STATE_WITHDRAWN);
  EXPECT_EQ(fixture_.Outcomes().back().state(), v1::DISCLOSURE_STATE_WITHDRAWN);
  EXPECT_EQ(fixture_.Outcomes().back().reason(), "ERROR_REASON_PURPOSE_NOT_GRANTED");
  EXPECT_EQ(fixture_.gateway->Audit(v1::AuditEntry::KIND_OPERATOR_ACTION).back().details().at("action"),
            "withdraw_dead_letter");
  EXPECT_EQ(ReasonOf(Replay(name)), v1::ERROR_REASON_NOT_FOUND);
  // Its key goes on.
  TestStream again = fixture_.Connect();
  ASSERT_TRUE(again.Credit(10).ok());
  const auto records = again.Read(1);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].record_version(), 2u);
}

TEST_F(DeadLettersTest, IsKeptWhileItsPartnerIsStoppedOrItsContractIsNotInForce) {
  TestStream stream = fixture_.Connect();
  ASSERT_TRUE(stream.Credit(10).ok());
  const std::string name = Reject(stream, "S-1");
  const auto fence = fixture_.gateway->View(kSwift).fence;
  ASSERT_TRUE(fence->Close(absl::Seconds(5)));
  EXPECT_EQ(ReasonOf(Replay(name)), v1::ERROR_REASON_FENCED);
  fence->Open();
  // Its contract has expired; the partner is active.
  fixture_.gateway->control->Advance(absl::Hours(24 * 365 * 50));
  ASSERT_TRUE(fixture_.gateway->control->snapshots->Rebuild().ok());
  EXPECT_EQ(ReasonOf(Replay(name)), v1::ERROR_REASON_PURPOSE_NOT_GRANTED);
  EXPECT_EQ(fixture_.Row(name).state, v1::DISCLOSURE_STATE_DEAD_LETTERED);
  EXPECT_TRUE(fence->Close(absl::Seconds(5))) << "a refused replay is not inside";
}

}  // namespace
}  // namespace postern::delivery
