// A partner's server without a network, as the gateway's own channels see it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "server/delivery/outbound_transport.h"

namespace postern::delivery {

// Thread-safe. Answers from a thread of its own, as a transport does.
class FakeServer : public OutboundTransport {
 public:
  using Answer = std::function<OutboundResult(const v1::DeliverRequest&)>;

  FakeServer() : worker_([this] { Work(); }) {}
  ~FakeServer() override;

  int max_records() const override { return 8; }
  void Connect(const OutboundTarget& target, Enter enter, absl::Time deadline, Connected connected) override;
  void Forget(const std::string& partner) override;

  // What is done with a delivery; acknowledges everything at first.
  void OnDeliver(Answer answer);
  // Calls wait until they are cancelled.
  void Hang(bool hang);
  void SetReachable(bool reachable);
  // Whether challenges are answered as they should be, and with what otherwise.
  void SetConfirms(bool confirms, OutboundResult::Fate fate = OutboundResult::Fate::kAnswered);

  std::vector<v1::DeliverRequest> deliveries() const;
  // Waits until there are `count` deliveries; all of them then, or those there are after some seconds.
  std::vector<v1::DeliverRequest> AwaitDeliveries(size_t count) const;
  int challenges() const;
  int connects() const;
  int open_calls() const;
  std::vector<std::string> forgotten() const;

 private:
  class FakeLine;
  class FakeCall;

  void Later(std::function<void()> work);
  void Work();

  mutable absl::Mutex mutex_;
  std::deque<std::function<void()>> work_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Answer answer_ ABSL_GUARDED_BY(mutex_);
  bool hang_ ABSL_GUARDED_BY(mutex_) = false;
  bool reachable_ ABSL_GUARDED_BY(mutex_) = true;
  bool confirms_ ABSL_GUARDED_BY(mutex_) = true;
  OutboundResult::Fate confirm_fate_ ABSL_GUARDED_BY(mutex_) = OutboundResult::Fate::kAnswered;
  std::vector<v1::DeliverRequest> deliveries_ ABSL_GUARDED_BY(mutex_);
  int challenges_ ABSL_GUARDED_BY(mutex_) = 0;
  int connects_ ABSL_GUARDED_BY(mutex_) = 0;
  int open_calls_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> forgotten_ ABSL_GUARDED_BY(mutex_);
  std::thread worker_;
};

// Acknowledges every record.
OutboundResult Acknowledged(const v1::DeliverRequest& request);
// Rejects every record.
OutboundResult Rejected(const v1::DeliverRequest& request, v1::DeliveryRejection::Action action);
OutboundResult Ended(OutboundResult::Fate fate);

}  // namespace postern::delivery
