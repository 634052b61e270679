// Follows WatchOutcomes over reconnects.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "proto/postern/v1/storefront_service.grpc.pb.h"

namespace postern::client {

// Thread-safe. Each outcome is given at least once, in order; store the resume token with what was done about the
// outcomes.
class OutcomeWatcher {
 public:
  // Called on the watcher's own thread. False: stop watching.
  using OutcomesFn = std::function<bool(const v1::WatchOutcomesResponse& outcomes)>;
  // Called at most once, on the watcher's own thread, when it gives up: the gateway refuses the certificate, the role
  // or the resume token, and no reconnecting can help. Nothing is called after it.
  using FailedFn = std::function<void(const absl::Status& status)>;

  // Begins after `resume_token` (empty: the oldest outcome kept).
  OutcomeWatcher(std::shared_ptr<grpc::Channel> channel, std::string resume_token, OutcomesFn on_outcomes,
                 FailedFn on_failed);
  ~OutcomeWatcher();  // Stop()
  OutcomeWatcher(const OutcomeWatcher&) = delete;

  // Ends the watch; no callback runs after it returns. Not from a callback.
  void Stop();

 private:
  void Run();

  const std::unique_ptr<v1::StorefrontService::StubInterface> stub_;
  const OutcomesFn on_outcomes_;
  const FailedFn on_failed_;
  std::string resume_token_;  // only the thread's

  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;  // of the running call
  std::thread thread_;
};

}  // namespace postern::client
