#include "client/partner/receive_loop.h"

#include <algorithm>
#include <utility>

#include "client/partner/delivery_answer.h"
#include "client/transport/status.h"

namespace postern::client {

ReceiveLoop::ReceiveLoop(std::shared_ptr<grpc::Channel> channel, ReceiveOptions options, HandlerFn handler,
                         DisconnectedFn on_disconnected)
    : stub_(v1::PartnerService::NewStub(std::move(channel))),
      options_(options),
      handler_(std::move(handler)),
      on_disconnected_(std::move(on_disconnected)),
      thread_([this] { Run(); }) {}

ReceiveLoop::~ReceiveLoop() {
  Stop();
}

void ReceiveLoop::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    if (Stream* idle = std::exchange(reading_, nullptr); idle != nullptr) idle->WritesDone();
    const auto handled = [this] {
      mutex_.AssertReaderHeld();
      return !handling_;
    };
    mutex_.Await(absl::Condition(&handled));
    mutex_.AwaitWithTimeout(absl::Condition(&ended_), options_.stop_grace);
    if (context_ != nullptr) context_->TryCancel();
  }
  if (thread_.joinable()) thread_.join();
}

bool ReceiveLoop::Stopping() {
  absl::MutexLock lock(&mutex_);
  return stopping_;
}

void ReceiveLoop::Run() {
  Loop();
  absl::MutexLock lock(&mutex_);
  ended_ = true;
}

void ReceiveLoop::Loop() {
  absl::Duration backoff = options_.reconnect_backoff;
  while (true) {
    bool got_records = false;
    const absl::Status status = RunStream(&got_records);
    if (got_records) backoff = options_.reconnect_backoff;
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
    }
    if (!on_disconnected_(status)) return;
    absl::MutexLock lock(&mutex_);
    if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), backoff)) return;
    backoff = std::min(backoff * 2, absl::Seconds(10));
  }
}

absl::Status ReceiveLoop::RunStream(bool* got_records) {
  grpc::ClientContext context;
  std::unique_ptr<Stream> stream;
  {
    absl::MutexLock lock(&mutex_);
    if (stopping_) return absl::CancelledError("stopped");
    stream = stub_->Receive(&context);
    context_ = &context;
  }
  v1::ReceiveRequest request;
  request.set_add_records(options_.window_records);
  request.set_add_bytes(options_.window_bytes);
  v1::ReceiveResponse batch;
  if (stream->Write(request)) {
    while (Read(*stream, &batch) && Handle(batch, *stream, got_records)) {
    }
  }
  // What still comes after the half-close was not handled and is delivered again.
  while (stream->Read(&batch)) {
  }
  const absl::Status status = FromGrpc(stream->Finish());
  absl::MutexLock lock(&mutex_);
  context_ = nullptr;
  return status;
}

bool ReceiveLoop::Read(Stream& stream, v1::ReceiveResponse* batch) {
  {
    absl::MutexLock lock(&mutex_);
    if (stopping_) {
      stream.WritesDone();
      return false;
    }
    reading_ = &stream;
  }
  const bool read = stream.Read(batch);
  absl::MutexLock lock(&mutex_);
  const bool half_closed = std::exchange(reading_, nullptr) == nullptr;
  handling_ = read && !half_closed;
  return handling_;
}

bool ReceiveLoop::Handle(const v1::ReceiveResponse& batch, Stream& stream, bool* got_records) {
  v1::ReceiveRequest reply;
  int64_t bytes = 0;
  int records = 0;
  for (const v1::DeliveredRecord& record : batch.records()) {
    if (Stopping()) break;
    AnswerDelivery(record.delivery(), handler_(record), &reply);
    bytes += static_cast<int64_t>(record.record().data().size());
    ++records;
    *got_records = true;
  }
  {
    absl::MutexLock lock(&mutex_);
    handling_ = false;
    if (!stopping_) {
      reply.set_add_records(records);
      reply.set_add_bytes(bytes);
    }
  }
  return records == 0 || stream.Write(reply);
}

}  // namespace postern::client
