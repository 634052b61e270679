// One Receive stream of the partner under test.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include <grpcpp/support/server_callback.h>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/conformance/gateway_side.h"

namespace postern::client::conformance {

// Thread-safe. Kept alive by itself until gRPC is done with it.
class GatewaySide::Stream : public grpc::ServerBidiReactor<v1::ReceiveRequest, v1::ReceiveResponse> {
 public:
  using OnFault = std::function<void(const std::string& fault)>;

  // Call Begin when a shared_ptr holds it.
  Stream(grpc::CallbackServerContext* context, OnFault on_fault) : context_(context), on_fault_(std::move(on_fault)) {}
  void Begin(std::shared_ptr<Stream> self) {
    {
      absl::MutexLock lock(&mutex_);
      self_ = std::move(self);
    }
    StartRead(&request_);
  }

  bool AwaitCredits(absl::Duration patience) const {
    const auto ready = [this] {
      mutex_.AssertReaderHeld();
      return credit_records_ > 0 || ended_;
    };
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&ready), patience) && !ended_;
  }
  uint64_t Send(std::vector<v1::DeliveredRecord> records) {
    absl::MutexLock lock(&mutex_);
    const uint64_t first = next_;
    for (v1::DeliveredRecord& record : records) {
      record.set_delivery(next_++);
      waiting_.push_back(std::move(record));
    }
    WriteMore();
    return first;
  }
  Answers AwaitAnswers(uint64_t first, uint64_t last, absl::Duration patience) const {
    const auto all = [&] {
      mutex_.AssertReaderHeld();
      for (uint64_t i = first; i <= last; ++i) {
        if (answers_.acknowledged.count(i) == 0 && answers_.rejected.count(i) == 0) return ended_;
      }
      return true;
    };
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&all), patience);
    return answers_;
  }
  // Waits until everything that was to be sent has left, or cannot.
  void AwaitSent(absl::Duration patience) const {
    const auto sent = [this] {
      mutex_.AssertReaderHeld();
      return (waiting_.empty() && !writing_) || ended_;
    };
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&sent), patience);
  }
  void Cancel() {
    absl::MutexLock lock(&mutex_);
    if (!ended_) context_->TryCancel();
  }
  void End(const grpc::Status& status) {
    absl::MutexLock lock(&mutex_);
    FinishOnce(status);
  }

  void OnReadDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    if (!ok) return FinishOnce(grpc::Status::OK);
    Take();
    WriteMore();
    if (!ended_) StartRead(&request_);
  }
  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    if (ok) WriteMore();
  }
  void OnCancel() override {
    absl::MutexLock lock(&mutex_);
    FinishOnce(grpc::Status::CANCELLED);
  }
  void OnDone() override {
    std::shared_ptr<Stream> self;  // released after the lock
    absl::MutexLock lock(&mutex_);
    self = std::move(self_);
  }

 private:
  void FinishOnce(const grpc::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (ended_) return;
    ended_ = true;
    Finish(status);
  }
  void Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (first_message_ && (request_.add_records() <= 0 || request_.add_bytes() <= 0)) {
      on_fault_("the first message of a stream gives no credits");
    }
    first_message_ = false;
    if (request_.add_records() < 0 || request_.add_bytes() < 0) on_fault_("credits are negative");
    credit_records_ += request_.add_records();
    credit_bytes_ += request_.add_bytes();
    for (const v1::DeliveryRange& range : request_.acknowledged()) {
      if (range.first() > range.last() || range.last() >= sent_) {
        on_fault_("a delivery is acknowledged that was not sent on this stream");
        continue;
      }
      for (uint64_t delivery = range.first(); delivery <= range.last(); ++delivery) {
        if (!answers_.acknowledged.insert(delivery).second || answers_.rejected.count(delivery) != 0) {
          on_fault_(absl::StrCat("delivery ", delivery, " is answered twice"));
        }
      }
    }
    for (const v1::DeliveryRejection& rejection : request_.rejected()) {
      const bool known = rejection.action() == v1::DeliveryRejection::ACTION_RETRY ||
                         rejection.action() == v1::DeliveryRejection::ACTION_REJECT;
      if (!known) on_fault_("a rejection does not say what is to be done");
      if (rejection.delivery() == 0 || rejection.delivery() >= sent_) {
        on_fault_("a delivery is rejected that was not sent on this stream");
      } else if (!answers_.rejected.emplace(rejection.delivery(), rejection.action()).second ||
                 answers_.acknowledged.count(rejection.delivery()) != 0) {
        on_fault_(absl::StrCat("delivery ", rejection.delivery(), " is answered twice"));
      }
    }
  }
  void WriteMore() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || ended_) return;
    response_.Clear();
    while (!waiting_.empty() && credit_records_ > 0 &&
           static_cast<int64_t>(waiting_.front().record().data().size()) <= credit_bytes_) {
      --credit_records_;
      credit_bytes_ -= static_cast<int64_t>(waiting_.front().record().data().size());
      sent_ = waiting_.front().delivery() + 1;
      *response_.add_records() = std::move(waiting_.front());
      waiting_.pop_front();
    }
    if (response_.records_size() == 0) return;
    writing_ = true;
    StartWrite(&response_);
  }

  grpc::CallbackServerContext* const context_;
  const OnFault on_fault_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<Stream> self_ ABSL_GUARDED_BY(mutex_);
  v1::ReceiveRequest request_;
  v1::ReceiveResponse response_;
  std::deque<v1::DeliveredRecord> waiting_ ABSL_GUARDED_BY(mutex_);
  Answers answers_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_ ABSL_GUARDED_BY(mutex_) = 1;
  uint64_t sent_ ABSL_GUARDED_BY(mutex_) = 1;  // deliveries below have left
  int64_t credit_records_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t credit_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool first_message_ ABSL_GUARDED_BY(mutex_) = true;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace postern::client::conformance
