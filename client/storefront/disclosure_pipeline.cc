#include "client/storefront/disclosure_pipeline.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/transport/request_id.h"
#include "client/transport/status.h"
#include "proto/errors/error.h"
#include "proto/errors/rpc_status.h"

namespace postern::client {
namespace {

// With tag and length.
size_t SizeInBatch(const v1::CreateDisclosureRequest& request) {
  return request.ByteSizeLong() + 8;
}

}  // namespace

DisclosurePipeline::DisclosurePipeline(std::shared_ptr<grpc::Channel> channel, PipelineOptions options,
                                       AnswerFn on_answer)
    : stub_(v1::StorefrontService::NewStub(std::move(channel))),
      options_(options),
      on_answer_(std::move(on_answer)),
      last_answer_(absl::Now()),
      thread_([this] { Run(); }) {}

DisclosurePipeline::~DisclosurePipeline() {
  Finish().IgnoreError();
  thread_.join();
}

absl::Status DisclosurePipeline::Send(v1::CreateDisclosureRequest request) {
  if (request.request_id().empty()) request.set_request_id(NewRequestId(absl::Now()));
  if (SizeInBatch(request) > options_.max_batch_bytes) {
    return MakeError(v1::ERROR_REASON_RECORD_TOO_LARGE, "the request is larger than a stream message may be");
  }
  absl::MutexLock lock(&mutex_);
  const auto has_room = [this] {
    mutex_.AssertReaderHeld();
    return done_ || finishing_ || unanswered_.size() < static_cast<size_t>(options_.max_in_flight);
  };
  mutex_.Await(absl::Condition(&has_room));
  if (done_ || finishing_) return absl::FailedPreconditionError("the pipeline is finished");
  if (unanswered_.empty()) last_answer_ = absl::Now();
  unanswered_.push_back(std::move(request));
  return absl::OkStatus();
}

absl::Status DisclosurePipeline::Finish() {
  absl::MutexLock lock(&mutex_);
  finishing_ = true;
  mutex_.Await(absl::Condition(&done_));
  return final_;
}

void DisclosurePipeline::Run() {
  absl::Duration backoff = options_.reconnect_backoff;
  while (true) {
    const auto has_work = [this] {
      mutex_.AssertReaderHeld();
      return finishing_ || !unanswered_.empty();
    };
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&has_work));
      if (unanswered_.empty()) break;
      sent_ = 0;
      stream_broken_ = false;
    }
    const absl::Time before = absl::Now();
    const absl::Status ended = RunStream();
    absl::Time last_answer;
    {
      absl::MutexLock lock(&mutex_);
      if (finishing_ && unanswered_.empty()) break;
      last_answer = last_answer_;
    }
    if (IsPermanent(ended)) return FailAll(ended);
    if (absl::Now() - last_answer > options_.give_up_after) {
      return FailAll(absl::UnavailableError(absl::StrCat("the gateway does not answer: ", ended.message())));
    }
    backoff = last_answer > before ? options_.reconnect_backoff : std::min(backoff * 2, absl::Seconds(5));
    absl::SleepFor(backoff);
  }
  absl::MutexLock lock(&mutex_);
  done_ = true;
}

absl::Status DisclosurePipeline::RunStream() {
  grpc::ClientContext context;
  auto stream = stub_->StreamDisclosures(&context);
  std::thread writer([&] { WriteLoop(*stream); });
  v1::StreamDisclosuresResponse response;
  bool lost_order = false;
  while (!lost_order && stream->Read(&response)) {
    for (const v1::DisclosureAnswer& answer : response.answers()) {
      {
        absl::MutexLock lock(&mutex_);
        // Anything else than the oldest unanswered record would attribute an answer to the wrong one.
        if (sent_ == 0 || unanswered_.front().request_id() != answer.request_id()) {
          lost_order = true;
          break;
        }
      }
      on_answer_(answer);
      absl::MutexLock lock(&mutex_);
      unanswered_.pop_front();
      --sent_;
      last_answer_ = absl::Now();
    }
  }
  {
    absl::MutexLock lock(&mutex_);
    stream_broken_ = true;
  }
  if (lost_order) context.TryCancel();
  writer.join();
  return FromGrpc(stream->Finish());
}

void DisclosurePipeline::WriteLoop(
    grpc::ClientReaderWriterInterface<v1::StreamDisclosuresRequest, v1::StreamDisclosuresResponse>& stream) {
  v1::StreamDisclosuresRequest batch;
  while (true) {
    batch.Clear();
    {
      absl::MutexLock lock(&mutex_);
      const auto can_write = [this] {
        mutex_.AssertReaderHeld();
        return stream_broken_ || sent_ < unanswered_.size() || (finishing_ && unanswered_.empty());
      };
      mutex_.Await(absl::Condition(&can_write));
      if (stream_broken_) return;
      if (unanswered_.empty()) break;
      TakeBatch(batch);
    }
    if (!stream.Write(batch)) return;
  }
  stream.WritesDone();
}

void DisclosurePipeline::TakeBatch(v1::StreamDisclosuresRequest& batch) {
  size_t bytes = 0;
  while (sent_ < unanswered_.size() && batch.requests_size() < options_.max_batch) {
    bytes += SizeInBatch(unanswered_[sent_]);
    if (batch.requests_size() > 0 && bytes > options_.max_batch_bytes) return;
    *batch.add_requests() = unanswered_[sent_++];
  }
}

void DisclosurePipeline::FailAll(const absl::Status& status) {
  std::deque<v1::CreateDisclosureRequest> unanswered;
  {
    absl::MutexLock lock(&mutex_);
    finishing_ = true;  // what Send accepted from here on would never be answered
    unanswered.swap(unanswered_);
    sent_ = 0;
  }
  for (const auto& request : unanswered) {
    v1::DisclosureAnswer answer;
    answer.set_request_id(request.request_id());
    *answer.mutable_status() = ToRpcStatus(status);
    on_answer_(answer);
  }
  absl::MutexLock lock(&mutex_);
  final_ = status;
  done_ = true;
}

}  // namespace postern::client
