// Pipelined bidirectional streams: batches out, answers back, a bounded number of records on their way.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "tests/bench/gateway/unary_load.h"

namespace postern::bench {

// One stream for one run. Destroyed by the caller after Wait.
template <typename Request, typename Response>
class StreamCaller : public grpc::ClientBidiReactor<Request, Response> {
 public:
  using FillFn = std::function<bool(Request&)>;  // one message of `batch` records; false: there is no more to send
  using CountFn = std::function<std::pair<int, int>(const Response&)>;  // answered records: successes, errors

  StreamCaller(int batch, int window, FillFn fill, CountFn count)
      : batch_(batch), window_(window), fill_(std::move(fill)), count_(std::move(count)) {}

  grpc::ClientContext& context() { return context_; }
  // After the stub's async call.
  void Start() {
    this->StartRead(&response_);
    {
      absl::MutexLock lock(&mutex_);
      WriteMore();
    }
    this->StartCall();
  }

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    if (ok) WriteMore();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    const auto [good, bad] = count_(response_);
    {
      absl::MutexLock lock(&mutex_);
      result_.records += good;
      result_.errors += bad;
      on_the_way_ -= good + bad;
      WriteMore();
    }
    this->StartRead(&response_);
  }
  void OnDone(const grpc::Status& status) override {
    absl::MutexLock lock(&mutex_);
    if (!status.ok()) ++result_.errors;
    done_ = true;
  }
  LoadResult Wait() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&done_));
    return result_;
  }

 private:
  void WriteMore() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || closed_ || on_the_way_ + batch_ > window_) return;
    request_.Clear();
    if (!fill_(request_)) {
      closed_ = true;
      this->StartWritesDone();
      return;
    }
    on_the_way_ += batch_;
    writing_ = true;
    this->StartWrite(&request_);
  }

  const int batch_;
  const int window_;
  const FillFn fill_;
  const CountFn count_;
  grpc::ClientContext context_;
  Request request_;
  Response response_;

  absl::Mutex mutex_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  int on_the_way_ ABSL_GUARDED_BY(mutex_) = 0;
  LoadResult result_ ABSL_GUARDED_BY(mutex_);
};

// Records of all callers together, over the time from `start` to the last answer.
LoadResult Sum(const std::vector<LoadResult>& results, absl::Time start);

}  // namespace postern::bench
