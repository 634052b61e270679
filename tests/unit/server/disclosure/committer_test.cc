#include "server/disclosure/committer.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "proto/errors/error.h"
#include "proto/errors/rpc_status.h"
#include "tests/unit/server/disclosure/gateway_fixture.h"

namespace postern::disclosure {
namespace {

using Fault = storage::FaultyStore::Fault;

class CountingSink : public ReleaseSink {
 public:
  std::vector<storage::DispatchMark> MarksFor(absl::Span<const storage::NewDisclosure>, int64_t next) override {
    last_next_seq = next;
    return {};
  }
  void OnCommitted(std::vector<CommittedDisclosure> disclosures) override {
    for (const CommittedDisclosure& disclosure : disclosures) {
      in_order = in_order && disclosure.payload.seq > last_seq;
      last_seq = disclosure.payload.seq;
      ++released;
    }
  }
  void OnUncertain() override { ++uncertain; }

  // The committing thread's; read when it is idle.
  std::atomic<int> released{0};
  std::atomic<int> uncertain{0};
  std::atomic<int64_t> last_seq{0};
  std::atomic<int64_t> last_next_seq{0};
  std::atomic<bool> in_order{true};
};

TEST(CommitterTest, ServesNothingWhileTheLedgerFailsAndComesBack) {
  CountingSink sink;
  GatewayFixture gateway([&](GatewayFixture&) { return &sink; });
  gateway.Disclose("S-1", 1);
  gateway.store->SetFault(Fault::kBeforeWriting);
  const v1::CreateDisclosureRequest request = gateway.Shipment("S-2", 1);
  EXPECT_EQ(gateway.RefusalOf(request), v1::ERROR_REASON_LEDGER_UNAVAILABLE);
  EXPECT_EQ(sink.released, 1);
  EXPECT_EQ(sink.uncertain, 1);
  EXPECT_FALSE(gateway.committer->serving());

  // Nobody asks, and it notices by itself that the ledger is back.
  gateway.store->SetFault(Fault::kNone);
  for (int i = 0; i < 500 && !gateway.committer->serving(); ++i) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_TRUE(gateway.committer->serving());
  EXPECT_EQ(gateway.RefusalOf(request), v1::ERROR_REASON_UNSPECIFIED);
  EXPECT_EQ(sink.released, 2);
  EXPECT_EQ(gateway.serving, (std::vector<bool>{false, true}));
}

TEST(CommitterTest, WhatTheLedgerFailedAsAWholeIsAnErrorOfTheCall) {
  GatewayFixture gateway;
  gateway.store->SetFault(Fault::kBeforeWriting);
  const auto request = gateway.Shipment("S-1", 1, {std::string(kSwift), std::string(kNordic)});
  EXPECT_EQ(ReasonOf(gateway.Create(request).status()), v1::ERROR_REASON_LEDGER_UNAVAILABLE);
  const auto answers = gateway.CreateBatch({request});
  ASSERT_TRUE(answers.ok()) << answers.status();
  EXPECT_EQ(ReasonOf(FromRpcStatus((*answers)[0].status())), v1::ERROR_REASON_LEDGER_UNAVAILABLE);

  // One target that was refused for good is told beside the other.
  const auto mixed = gateway.Create(gateway.Shipment("S-2", 1, {std::string(kSwift), "partners/nobody"}));
  ASSERT_TRUE(mixed.ok()) << mixed.status();
  EXPECT_EQ(ReasonOf(FromRpcStatus(mixed->results(0).error())), v1::ERROR_REASON_LEDGER_UNAVAILABLE);
  EXPECT_EQ(ReasonOf(FromRpcStatus(mixed->results(1).error())), v1::ERROR_REASON_PARTNER_UNKNOWN);
}

TEST(CommitterTest, AnUnknownOutcomeIsFoundByAskingAgain) {
  CountingSink sink;
  GatewayFixture gateway([&](GatewayFixture&) { return &sink; });
  const v1::CreateDisclosureRequest request = gateway.Shipment("S-1", 1);
  gateway.store->SetFault(Fault::kAfterWriting);
  EXPECT_EQ(gateway.RefusalOf(request), v1::ERROR_REASON_LEDGER_UNAVAILABLE);
  EXPECT_EQ(sink.released, 0);
  EXPECT_EQ(sink.uncertain, 1);
  gateway.store->SetFault(Fault::kNone);
  EXPECT_EQ(gateway.RefusalOf(request), v1::ERROR_REASON_UNSPECIFIED);
  // It was durable the first time: accounted once, and delivery finds it in the backlog.
  EXPECT_EQ(gateway.Audit(v1::AuditEntry::KIND_DISCLOSURE).size(), 1u);
  EXPECT_EQ(sink.released, 0);
}

TEST(CommitterTest, RefusesWhatDoesNotFitAndCommitsWhatWaitsAsOneGroup) {
  GatewayFixture gateway(nullptr, /*max_queued_entries=*/8);
  gateway.store->Hold(true);
  std::atomic<int> committed{0};
  std::atomic<int> overloaded{0};
  constexpr int kCalls = 10;
  absl::BlockingCounter answered(kCalls);
  const auto call = [&](int i) {
    gateway.discloser->Create(gateway.shop(), gateway.Shipment(absl::StrCat("S-", i), 1),
                              [&](absl::StatusOr<v1::CreateDisclosureResponse> response) {
                                if (response.ok()) ++committed;
                                if (ReasonOf(response.status()) == v1::ERROR_REASON_OVERLOADED) ++overloaded;
                                answered.DecrementCount();
                              });
  };
  // The first is alone and waits for the ledger itself; the others come meanwhile.
  std::thread first([&] { call(0); });
  while (gateway.store->commits() == 0) absl::SleepFor(absl::Milliseconds(1));
  for (int i = 1; i < kCalls; ++i) call(i);
  EXPECT_EQ(overloaded, 1);
  gateway.store->Hold(false);
  first.join();
  answered.Wait();
  EXPECT_EQ(committed, 9);
  EXPECT_EQ(gateway.store->commits(), 2);
}

TEST(CommitterTest, DrainAnswersWhatWasTakenAndRefusesTheRest) {
  GatewayFixture gateway;
  gateway.store->Hold(true);
  absl::Notification answered;
  absl::Status status;
  std::thread caller([&] {
    gateway.discloser->Create(gateway.shop(), gateway.Shipment("S-1", 1),
                              [&](absl::StatusOr<v1::CreateDisclosureResponse> response) {
                                status = response.status();
                                answered.Notify();
                              });
  });
  while (gateway.store->commits() == 0) absl::SleepFor(absl::Milliseconds(1));
  std::thread drain([&] { gateway.committer->Drain(); });
  gateway.store->Hold(false);
  drain.join();
  EXPECT_TRUE(answered.HasBeenNotified());
  caller.join();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(gateway.RefusalOf(gateway.Shipment("S-2", 1)), v1::ERROR_REASON_DRAINING);
}

TEST(CommitterTest, ACallerThatIsAloneIsAnsweredOnItsOwnThread) {
  CountingSink sink;
  GatewayFixture gateway([&](GatewayFixture&) { return &sink; });
  std::thread::id answered_by;
  gateway.discloser->Create(gateway.shop(), gateway.Shipment("S-1", 1),
                            [&](absl::StatusOr<v1::CreateDisclosureResponse> response) {
                              EXPECT_TRUE(response.ok()) << response.status();
                              answered_by = std::this_thread::get_id();
                            });
  // No synchronisation: the answer came from inside the call, after the record was released.
  EXPECT_EQ(answered_by, std::this_thread::get_id());
  EXPECT_EQ(sink.released, 1);
}

TEST(CommitterTest, ManyThreadsGetTheirOwnAnswersInLedgerOrder) {
  CountingSink sink;
  GatewayFixture gateway([&](GatewayFixture&) { return &sink; });
  constexpr int kThreads = 4;
  constexpr int kEach = 25;
  std::atomic<int> wrong{0};
  std::vector<std::vector<v1::CreateDisclosureRequest>> requests(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    for (int i = 0; i < kEach; ++i) requests[t].push_back(gateway.Shipment(absl::StrCat("S-", t, "-", i), 1));
  }
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (const v1::CreateDisclosureRequest& request : requests[t]) {
        const auto response = gateway.Create(request);
        if (!response.ok() || response->results(0).disclosure().request_id() != request.request_id()) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  gateway.committer->Drain();
  EXPECT_EQ(sink.released, kThreads * kEach);
  EXPECT_TRUE(sink.in_order);
}

}  // namespace
}  // namespace postern::disclosure
