#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "proto/errors/error.h"
#include "server/disclosure/sealed_payload.h"
#include "tests/unit/server/delivery/delivery_fixture.h"

namespace postern::delivery {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string Name(int i) {
  return absl::StrCat("S-", i);
}

TEST(ReceiveTest, DeliversWhatWasCommittedBeforeAndWhileTheStreamIsOpen) {
  DeliveryFixture fixture;
  const std::string before = fixture.gateway->Disclose("S-before", 1);
  TestStream stream = fixture.Connect();
  ASSERT_TRUE(stream.Credit(100).ok());
  std::vector<v1::DeliveredRecord> records = stream.Read(1);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].disclosure(), before);
  EXPECT_EQ(records[0].delivery(), 1u);
  EXPECT_EQ(records[0].purpose(), "delivery");
  EXPECT_EQ(records[0].record().type(), "shop.v1.Shipment");
  EXPECT_EQ(records[0].record_version(), 1u);
  EXPECT_FALSE(records[0].redelivered());
  EXPECT_THAT(records[0].record().data(), Not(HasSubstr("account@customer")));

  const std::string live = fixture.gateway->Disclose("S-live", 1);
  records = stream.Read(1);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].disclosure(), live);
  EXPECT_EQ(records[0].delivery(), 2u);
  EXPECT_EQ(fixture.Row(live).state, v1::DISCLOSURE_STATE_POSSIBLY_HELD);

  ASSERT_TRUE(stream.Acknowledge(1, 2).ok());
  EXPECT_TRUE(fixture.Becomes(before, v1::DISCLOSURE_STATE_DELIVERED));
  EXPECT_TRUE(fixture.Becomes(live, v1::DISCLOSURE_STATE_DELIVERED));
  const auto outcomes = fixture.Outcomes();
  ASSERT_EQ(outcomes.size(), 2u);
  EXPECT_EQ(outcomes[0].state(), v1::DISCLOSURE_STATE_DELIVERED);
  const auto backlog = fixture.gateway->control->store->ReadBacklog(fixture.gateway->IdOf(kSwift), 0, 10, 1 << 20);
  EXPECT_THAT(*backlog, IsEmpty());
}

TEST(ReceiveTest, GivesNoMoreThanCreditsAndWindowAllow) {
  DeliveryFixture fixture;
  for (int i = 0; i < 300; ++i) fixture.gateway->Disclose(Name(i), 1);
  TestStream stream = fixture.Connect();
  EXPECT_EQ(ReasonOf(stream.Credit(0, 100)), v1::ERROR_REASON_INVALID_ARGUMENT);
  ASSERT_TRUE(stream.Credit(3).ok());
  EXPECT_EQ(stream.Read(3).size(), 3u);
  EXPECT_EQ(stream.Read(0).size(), 0u);
  const auto possibly_held = [&fixture] {
    return fixture.gateway->control->store->CountBacklog(fixture.gateway->IdOf(kSwift))->possibly_held;
  };
  EXPECT_EQ(possibly_held(), 3) << "what was asked for, not what the contract allows";
  // A byte credit that no record fits into lets none through.
  TestStream narrow = fixture.Connect();
  ASSERT_TRUE(narrow.Credit(10, 5).ok());
  EXPECT_EQ(narrow.Read(0).size(), 0u);
  EXPECT_EQ(possibly_held(), 3);
  // The contract's window is the partner's, over all its streams.
  ASSERT_TRUE(stream.Credit(1000).ok());
  EXPECT_EQ(stream.Read(253).size(), 253u);
  EXPECT_EQ(possibly_held(), 256);
  ASSERT_TRUE(stream.Acknowledge(1, 256).ok());
  EXPECT_EQ(stream.Read(44).size(), 44u);
}

TEST(ReceiveTest, RecordsOfOneKeyThatWaitForEachOtherAreNotReservedBeyondTheCredits) {
  DeliveryFixture fixture;
  TestStream stream = fixture.Connect();
  ASSERT_TRUE(stream.Credit(4).ok());
  for (uint64_t version = 1; version <= 6; ++version) fixture.gateway->Disclose("S-1", version);
  fixture.gateway->Disclose("S-2", 1);
  ASSERT_EQ(stream.Read(1).size(), 1u);
  EXPECT_EQ(stream.Read(0).size(), 0u);
  const auto counts = fixture.gateway->control->store->CountBacklog(fixture.gateway->IdOf(kSwift));
  EXPECT_LE(counts->possibly_held, 4);
  // With an acknowledgement each, all of them come.
  size_t read = 1;
  for (uint64_t delivery = 1; read < 7; ++delivery) {
    ASSERT_TRUE(stream.Acknowledge(delivery, delivery).ok());
    ASSERT_TRUE(stream.Credit(1).ok());
    read += stream.Read(1).size();
    ASSERT_GT(read, delivery);
  }
}

TEST(ReceiveTest, RefusesDeliveriesItDidNotMake) {
  DeliveryFixture fixture;
  fixture.gateway->Disclose("S-1", 1);
  TestStream stream = fixture.Connect();
  ASSERT_TRUE(stream.Credit(10).ok());
  ASSERT_EQ(stream.Read(1).size(), 1u);
  EXPECT_EQ(ReasonOf(stream.Acknowledge(2, 2)), v1::ERROR_REASON_DELIVERY_UNKNOWN);
  EXPECT_EQ(ReasonOf(stream.Acknowledge(0, 1)), v1::ERROR_REASON_DELIVERY_UNKNOWN);
  EXPECT_EQ(ReasonOf(stream.Acknowledge(1, UINT64_MAX)), v1::ERROR_REASON_DELIVERY_UNKNOWN);
  EXPECT_EQ(ReasonOf(stream.Acknowledge(1, 0)), v1::ERROR_REASON_INVALID_ARGUMENT);
  EXPECT_TRUE(stream.Acknowledge(1, 1).ok());
  EXPECT_EQ(ReasonOf(stream.Acknowledge(1, 1)), v1::ERROR_REASON_DELIVERY_UNKNOWN);
  EXPECT_EQ(ReasonOf(stream.Credit(-1)), v1::ERROR_REASON_INVALID_ARGUMENT);
}

TEST(ReceiveTest, KeepsTheOrderOfEachKey) {
  DeliveryFixture fixture;
  for (uint64_t version = 1; version <= 3; ++version) fixture.gateway->Disclose("S-1", version);
  fixture.gateway->Disclose("S-2", 1);
  TestStream stream = fixture.Connect();
  TestStream other = fixture.Connect();
  ASSERT_TRUE(stream.Credit(10).ok());
  ASSERT_TRUE(other.Credit(10).ok());
  std::vector<v1::DeliveredRecord> records = stream.Read(2);
  ASSERT_THAT(ReferencesOf(records), ElementsAre("S-1", "S-2"));
  EXPECT_EQ(records[0].record_version(), 1u);
  EXPECT_EQ(other.Read(0).size(), 0u);  // no version overtakes the first on another stream
  ASSERT_TRUE(stream.Acknowledge(1, 1).ok());
  records = other.Read(1);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].record_version(), 2u);
}

TEST(ReceiveTest, RedeliversWhatWasNotAcknowledgedWhenTheStreamEnds) {
  DeliveryFixture fixture;
  for (int i = 0; i < 4; ++i) fixture.gateway->Disclose(Name(i), 1);
  TestStream first = fixture.Connect();
  ASSERT_TRUE(first.Credit(10).ok());
  ASSERT_EQ(first.Read(4).size(), 4u);
  ASSERT_TRUE(first.Acknowledge(2, 2).ok());
  first.Close();
  TestStream second = fixture.Connect();
  ASSERT_TRUE(second.Credit(10).ok());
  const std::vector<v1::DeliveredRecord> records = second.Read(3);
  EXPECT_THAT(ReferencesOf(records), ElementsAre("S-0", "S-2", "S-3"));
  for (const auto& record : records) EXPECT_TRUE(record.redelivered());
}

TEST(ReceiveTest, ARestartResumesWhereItStopped) {
  DeliveryFixture fixture;
  for (int i = 0; i < 5; ++i) fixture.gateway->Disclose(Name(i), 1);
  {
    TestStream stream = fixture.Connect();
    ASSERT_TRUE(stream.Credit(2).ok());
    ASSERT_EQ(stream.Read(2).size(), 2u);
    ASSERT_TRUE(stream.Acknowledge(1, 1).ok());
  }
  fixture.Restart();
  TestStream stream = fixture.Connect();
  ASSERT_TRUE(stream.Credit(10).ok());
  const std::vector<v1::DeliveredRecord> records = stream.Read(4);
  ASSERT_THAT(ReferencesOf(records), ElementsAre("S-1", "S-2", "S-3", "S-4"));
  EXPECT_TRUE(records[0].redelivered());
}

TEST(ReceiveTest, RetriesLaterAndGivesUpInTheEnd) {
  DeliveryHubOptions options;
  options.queue.max_retries = 2;
  DeliveryFixture fixture(options);
  const std::string name = fixture.gateway->Disclose("S-1", 1);
  TestStream stream = fixture.Connect();
  ASSERT_TRUE(stream.Credit(10).ok());
  ASSERT_EQ(stream.Read(1).size(), 1u);
  ASSERT_TRUE(stream.Reject(1, v1::DeliveryRejection::ACTION_RETRY).ok());
  EXPECT_EQ(stream.Read(0).size(), 0u);
  fixture.gateway->Advance(absl::Seconds(2));
  const auto records = stream.Read(1);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_TRUE(records[0].redelivered());
  ASSERT_TRUE(stream.Reject(2, v1::DeliveryRejection::ACTION_RETRY).ok());
  EXPECT_TRUE(fixture.Becomes(name, v1::DISCLOSURE_STATE_DEAD_LETTERED));
}

TEST(ReceiveTest, AShreddedKeyWithdrawsTheRecordAndFreesItsKey) {
  for (const bool in_memory : {false, true}) {
    DeliveryFixture fixture;
    TestStream stream = fixture.Connect();
    // Without credits the record waits in memory; without a stream it waits in the store.
    if (!in_memory) stream.Close();
    const std::string gone = fixture.gateway->Disclose("S-1", 1);
    const std::string kept = fixture.gateway->Disclose("S-2", 1);
    const storage::DisclosureRow row = fixture.Row(gone);
    const auto order = disclosure::FromStored(row.key_ids[2]);
    ASSERT_TRUE(order.ok());
    ASSERT_EQ(order->kind(), crypto::KeyKind::kOrder);
    ASSERT_TRUE(fixture.gateway->control->keys->Shred({*order}, fixture.gateway->now()).ok());
    if (!in_memory) stream = fixture.Connect();
    ASSERT_TRUE(stream.Credit(10).ok());
    const auto records = stream.Read(1);
    ASSERT_THAT(ReferencesOf(records), ElementsAre("S-2"));
    ASSERT_TRUE(fixture.Becomes(gone, v1::DISCLOSURE_STATE_WITHDRAWN));
    EXPECT_EQ(fixture.Row(gone).reason, "ERROR_REASON_KEY_SHREDDED");
    ASSERT_TRUE(stream.Acknowledge(1, 1).ok());
    EXPECT_TRUE(fixture.Becomes(kept, v1::DISCLOSURE_STATE_DELIVERED));
  }
}

TEST(ReceiveTest, KeysThatGoWithTheirPartnerEndNothingByThemselves) {
  DeliveryFixture fixture;
  const std::string name = fixture.gateway->Disclose("S-1", 1);
  const auto epoch = disclosure::FromStored(fixture.gateway->View(kSwift).epoch_key);
  ASSERT_TRUE(epoch.ok());
  const auto fence = fixture.gateway->View(kSwift).fence;
  absl::Notification stopped;
  fixture.gateway->store->AfterReadBacklog([&] {
    EXPECT_TRUE(fence->Close(absl::Seconds(5)));
    EXPECT_TRUE(fixture.gateway->control->keys->Shred({*epoch}, fixture.gateway->now()).ok());
    stopped.Notify();
  });
  TestStream stream = fixture.Connect();
  stopped.WaitForNotification();
  absl::SleepFor(absl::Milliseconds(50));
  EXPECT_EQ(fixture.Row(name).state, v1::DISCLOSURE_STATE_PENDING);
}

// Clause: P1.4e
TEST(ReceiveTest, AClosedFenceLetsNothingThrough) {
  DeliveryFixture fixture;
  for (int i = 0; i < 10; ++i) fixture.gateway->Disclose(Name(i), 1);
  TestStream stream = fixture.Connect();
  ASSERT_TRUE(stream.Credit(3).ok());
  ASSERT_EQ(stream.Read(3).size(), 3u);
  const auto fence = fixture.gateway->View(kSwift).fence;
  ASSERT_TRUE(fence->Close(absl::Seconds(5)));
  ASSERT_TRUE(stream.Credit(100).ok());
  EXPECT_FALSE(stream.ReadNow().ok());

  const storage::PartnerId id = fixture.gateway->IdOf(kSwift);
  TestStream late = fixture.Connect();
  EXPECT_EQ(ReasonOf(late.open_status()), v1::ERROR_REASON_FENCED);
  fixture.hub->StopPartner(kSwift, absl::AbortedError("stopped"));
  EXPECT_EQ(fixture.hub->LiveStreams(kSwift), 0);
  // No mark has moved: what was not handed over is not possibly held.
  for (int i = 10; i < 13; ++i) fixture.gateway->Disclose(Name(i), 1);
  const auto counts = fixture.gateway->control->store->CountBacklog(id);
  ASSERT_TRUE(counts.ok());
  EXPECT_LE(counts->possibly_held, 10);
  const auto mark = fixture.gateway->control->store->ReadLanes(id)->dispatch_mark;
  absl::SleepFor(absl::Milliseconds(50));
  EXPECT_EQ(fixture.gateway->control->store->ReadLanes(id)->dispatch_mark, mark);

  // Opened again, a new stream is served and an old one is not.
  fence->Open();
  fixture.hub->Reload(id);
  TestStream resumed = fixture.Connect();
  ASSERT_TRUE(resumed.Credit(100).ok());
  EXPECT_EQ(resumed.Read(13).size(), 13u);
}

TEST(ReceiveTest, StoppingEndsTheStreamsWithTheStatusGiven) {
  DeliveryFixture fixture;
  const std::string name = fixture.gateway->Disclose("S-1", 1);
  TestStream one = fixture.Connect();
  TestStream two = fixture.Connect();
  TestStream other = fixture.Connect(kNordic);
  ASSERT_TRUE(one.Credit(10).ok());
  ASSERT_EQ(one.Read(1).size(), 1u);
  ASSERT_TRUE(one.Acknowledge(1, 1).ok());
  fixture.gateway->View(kSwift).fence->Close(absl::Seconds(5));
  EXPECT_EQ(fixture.hub->StopPartner(kSwift, absl::FailedPreconditionError("over")).live_streams, 2);
  EXPECT_TRUE(absl::IsFailedPrecondition(one.ended()));
  EXPECT_TRUE(absl::IsFailedPrecondition(two.ended()));
  EXPECT_TRUE(other.ended().ok());
  // What was acknowledged before counts.
  EXPECT_EQ(fixture.Row(name).state, v1::DISCLOSURE_STATE_DELIVERED);
}

TEST(ReceiveTest, AnExpiredCertificateEndsTheStream) {
  DeliveryFixture fixture;
  identity::Principal principal = fixture.gateway->partner(kSwift);
  principal.not_after = fixture.gateway->now() + absl::Minutes(1);
  TestStream stream(fixture.hub.get(), principal);
  ASSERT_TRUE(stream.Credit(10).ok());
  fixture.gateway->Advance(absl::Minutes(2));
  fixture.gateway->Disclose("S-1", 1);
  EXPECT_FALSE(stream.ReadNow().ok());
  TestStream again(fixture.hub.get(), principal);
  EXPECT_EQ(ReasonOf(again.open_status()), v1::ERROR_REASON_CREDENTIAL_EXPIRED);
}

// The hub's own clock may find what is overdue first, and settle it in the background.
v1::DisclosureState StateOnceEnded(DeliveryFixture& fixture, const std::string& name) {
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  while (fixture.Row(name).state == v1::DISCLOSURE_STATE_PENDING && absl::Now() < deadline)
    absl::SleepFor(absl::Milliseconds(5));
  return fixture.Row(name).state;
}

TEST(ReceiveTest, WhatIsNeverFetchedEndsAndIsReported) {
  DeliveryFixture fixture;
  const std::string pending = fixture.gateway->Disclose("S-1", 1);
  fixture.gateway->Advance(absl::Hours(73));
  const std::string young = fixture.gateway->Disclose("S-2", 1);
  ASSERT_TRUE(fixture.hub->ExpirePending().ok());
  EXPECT_EQ(StateOnceEnded(fixture, pending), v1::DISCLOSURE_STATE_UNDELIVERED);
  EXPECT_EQ(fixture.Row(young).state, v1::DISCLOSURE_STATE_PENDING);
  const auto outcomes = fixture.Outcomes();
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].disclosure(), pending);
  EXPECT_EQ(outcomes[0].state(), v1::DISCLOSURE_STATE_UNDELIVERED);
  EXPECT_NE(outcomes[0].reason(), "");
}

TEST(ReceiveTest, TheWaitEndsByTheTermsEvenWhenTheyAreNotInForce) {
  DeliveryFixture fixture;
  const std::string pending = fixture.gateway->Disclose("S-1", 1);
  fixture.gateway->control->Advance(absl::Hours(24 * 365 * 50));
  ASSERT_TRUE(fixture.gateway->control->snapshots->Rebuild().ok());
  ASSERT_TRUE(fixture.gateway->View(kSwift).contracts.empty());
  ASSERT_TRUE(fixture.hub->ExpirePending().ok());
  EXPECT_EQ(fixture.Row(pending).state, v1::DISCLOSURE_STATE_PENDING);
  fixture.gateway->Advance(absl::Hours(73));
  ASSERT_TRUE(fixture.hub->ExpirePending().ok());
  EXPECT_EQ(StateOnceEnded(fixture, pending), v1::DISCLOSURE_STATE_UNDELIVERED);
}

TEST(ReceiveTest, ADrainingGatewayTakesNoNewStream) {
  DeliveryFixture fixture;
  TestStream stream = fixture.Connect();
  fixture.hub->Drain();
  EXPECT_EQ(ReasonOf(stream.ended()), v1::ERROR_REASON_DRAINING);
  TestStream again = fixture.Connect();
  EXPECT_EQ(ReasonOf(again.open_status()), v1::ERROR_REASON_DRAINING);
  EXPECT_EQ(fixture.hub->LiveStreams(kSwift), 0);
}

TEST(ReceiveTest, AFailingLedgerStopsHandoverAndLosesNothing) {
  DeliveryFixture fixture;
  for (int i = 0; i < 5; ++i) fixture.gateway->Disclose(Name(i), 1);
  fixture.gateway->store->SetFault(storage::FaultyStore::Fault::kBeforeWriting);
  TestStream stream = fixture.Connect();
  ASSERT_TRUE(stream.Credit(10).ok());
  EXPECT_EQ(stream.Read(0).size(), 0u);  // the dispatch mark cannot be made durable
  fixture.gateway->store->SetFault(storage::FaultyStore::Fault::kNone);
  EXPECT_EQ(stream.Read(5).size(), 5u);
  fixture.gateway->store->SetFault(storage::FaultyStore::Fault::kBeforeWriting);
  ASSERT_TRUE(stream.Acknowledge(1, 5).ok());
  absl::SleepFor(absl::Milliseconds(30));
  fixture.gateway->store->SetFault(storage::FaultyStore::Fault::kNone);
  for (int i = 0; i < 500; ++i) {
    if (fixture.gateway->control->store->CountBacklog(fixture.gateway->IdOf(kSwift))->delivered == 5) break;
    absl::SleepFor(absl::Milliseconds(10));
  }
  EXPECT_EQ(fixture.gateway->control->store->CountBacklog(fixture.gateway->IdOf(kSwift))->delivered, 5);
}

TEST(ReceiveTest, AGroupOfUnknownFateIsFoundInTheBacklog) {
  DeliveryFixture fixture;
  TestStream stream = fixture.Connect();
  ASSERT_TRUE(stream.Credit(10).ok());
  fixture.gateway->Disclose("S-0", 1);
  ASSERT_EQ(stream.Read(1).size(), 1u);
  fixture.gateway->store->SetFault(storage::FaultyStore::Fault::kAfterWriting);
  EXPECT_EQ(fixture.gateway->RefusalOf(fixture.gateway->Shipment("S-1", 1)), v1::ERROR_REASON_LEDGER_UNAVAILABLE);
  fixture.gateway->store->SetFault(storage::FaultyStore::Fault::kNone);
  EXPECT_THAT(ReferencesOf(stream.Read(1)), ElementsAre("S-1"));
}

TEST(ReceiveTest, ASmallWindowOfMemoryIsEnoughForALongBacklog) {
  DeliveryHubOptions options;
  options.queue.max_window_records = 8;
  options.queue.page_records = 4;
  DeliveryFixture fixture(options);
  TestStream stream = fixture.Connect();
  for (int i = 0; i < 40; ++i) fixture.gateway->Disclose(Name(i), 1);
  ASSERT_TRUE(stream.Credit(1000).ok());
  std::vector<std::string> references;
  uint64_t acknowledged = 0;
  while (references.size() < 40) {
    const auto records = stream.Read(1);
    ASSERT_FALSE(records.empty()) << "after " << references.size();
    for (const auto& record : records) references.push_back(ReferenceOf(record));
    EXPECT_LE(fixture.hub->Stats()[0].counters.window_records, 12);
    ASSERT_TRUE(stream.Acknowledge(acknowledged + 1, references.size()).ok());
    acknowledged = references.size();
  }
  for (int i = 0; i < 40; ++i) EXPECT_EQ(references[static_cast<size_t>(i)], Name(i));
}

TEST(ReceiveTest, StreamsDisclosuresAndARevocationAtOnce) {
  DeliveryFixture fixture;
  constexpr int kStreams = 3;
  std::atomic<int> received{0};
  std::atomic<int> after_close{0};
  std::atomic<bool> closed{false};
  std::vector<TestStream> streams;
  for (int i = 0; i < kStreams; ++i) streams.push_back(fixture.Connect());
  std::vector<std::thread> threads;
  for (TestStream& stream : streams) {
    threads.emplace_back([&] {
      if (!stream.Credit(10000, 1 << 26).ok()) return;
      for (;;) {
        const bool was_closed = closed;
        const auto records = stream.ReadNow();
        if (!records.ok()) return;
        if (was_closed) after_close += static_cast<int>(records->size());
        received += static_cast<int>(records->size());
        for (const auto& record : *records) {
          if (!stream.Acknowledge(record.delivery(), record.delivery()).ok()) return;
        }
      }
    });
  }
  std::vector<v1::CreateDisclosureRequest> requests;
  for (int i = 0; i < 200; ++i) requests.push_back(fixture.gateway->Shipment(Name(i), 1));
  std::thread shop([&] {
    for (const auto& request : requests) fixture.gateway->RefusalOf(request);
  });
  while (received < 20) absl::SleepFor(absl::Milliseconds(1));
  ASSERT_TRUE(fixture.gateway->View(kSwift).fence->Close(absl::Seconds(5)));
  closed = true;
  EXPECT_LE(fixture.hub->StopPartner(kSwift, absl::AbortedError("over")).live_streams, kStreams);
  for (std::thread& thread : threads) thread.join();
  shop.join();
  EXPECT_EQ(after_close, 0);
  const auto counts = fixture.gateway->control->store->CountBacklog(fixture.gateway->IdOf(kSwift));
  ASSERT_TRUE(counts.ok());
  EXPECT_EQ(counts->total, 200);
  EXPECT_LE(counts->possibly_held, 256);
}

}  // namespace
}  // namespace postern::delivery
