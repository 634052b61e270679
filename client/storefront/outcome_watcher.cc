#include "client/storefront/outcome_watcher.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "client/transport/status.h"

namespace postern::client {

OutcomeWatcher::OutcomeWatcher(std::shared_ptr<grpc::Channel> channel, std::string resume_token, OutcomesFn on_outcomes,
                               FailedFn on_failed)
    : stub_(v1::StorefrontService::NewStub(std::move(channel))),
      on_outcomes_(std::move(on_outcomes)),
      on_failed_(std::move(on_failed)),
      resume_token_(std::move(resume_token)),
      thread_([this] { Run(); }) {}

OutcomeWatcher::~OutcomeWatcher() {
  Stop();
}

void OutcomeWatcher::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }
  if (thread_.joinable()) thread_.join();
}

void OutcomeWatcher::Run() {
  absl::Duration backoff = absl::Milliseconds(100);
  while (true) {
    grpc::ClientContext context;
    v1::WatchOutcomesRequest request;
    request.set_resume_token(resume_token_);
    std::unique_ptr<grpc::ClientReaderInterface<v1::WatchOutcomesResponse>> reader;
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
      reader = stub_->WatchOutcomes(&context, request);
      context_ = &context;
    }
    v1::WatchOutcomesResponse response;
    bool wanted = true;
    while (wanted && reader->Read(&response)) {
      backoff = absl::Milliseconds(100);
      wanted = on_outcomes_(response);
      if (wanted) resume_token_ = response.resume_token();
    }
    if (!wanted) context.TryCancel();
    const absl::Status ended = FromGrpc(reader->Finish());
    {
      absl::MutexLock lock(&mutex_);
      context_ = nullptr;
      if (stopping_) return;
    }
    if (wanted && IsPermanent(ended)) return on_failed_(ended);
    absl::MutexLock lock(&mutex_);
    if (!wanted) stopping_ = true;
    if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), backoff)) return;
    backoff = std::min(backoff * 2, absl::Seconds(5));
  }
}

}  // namespace postern::client
