#include "client/partner/receive_loop.h"

#include <algorithm>
#include <utility>

#include "client/transport/status.h"

namespace postern::client {
namespace {

// Adds a delivery to the ranges, extending the last one where it follows.
void Acknowledge(uint64_t delivery, v1::ReceiveRequest& reply) {
  if (reply.acknowledged_size() > 0) {
    auto& last = *reply.mutable_acknowledged(reply.acknowledged_size() - 1);
    if (last.last() + 1 == delivery) {
      last.set_last(delivery);
      return;
    }
  }
  auto& range = *reply.add_acknowledged();
  range.set_first(delivery);
  range.set_last(delivery);
}

void Reject(uint64_t delivery, v1::DeliveryRejection::Action action, v1::ReceiveRequest& reply) {
  auto& rejection = *reply.add_rejected();
  rejection.set_delivery(delivery);
  rejection.set_action(action);
}

}  // namespace

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
    if (context_ != nullptr) context_->TryCancel();
  }
  if (thread_.joinable()) thread_.join();
}

void ReceiveLoop::Run() {
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
  std::unique_ptr<grpc::ClientReaderWriterInterface<v1::ReceiveRequest, v1::ReceiveResponse>> stream;
  {
    absl::MutexLock lock(&mutex_);
    if (stopping_) return absl::CancelledError("stopped");
    stream = stub_->Receive(&context);
    context_ = &context;
  }
  v1::ReceiveRequest request;
  request.set_add_records(options_.window_records);
  request.set_add_bytes(options_.window_bytes);
  bool open = stream->Write(request);
  v1::ReceiveResponse batch;
  while (open && stream->Read(&batch)) {
    request.Clear();
    int64_t bytes = 0;
    for (const v1::DeliveredRecord& record : batch.records()) {
      switch (handler_(record)) {
        case Handled::kStored:
          Acknowledge(record.delivery(), request);
          break;
        case Handled::kRetryLater:
          Reject(record.delivery(), v1::DeliveryRejection::ACTION_RETRY, request);
          break;
        case Handled::kRejected:
          Reject(record.delivery(), v1::DeliveryRejection::ACTION_REJECT, request);
          break;
      }
      bytes += static_cast<int64_t>(record.record().data().size());
      *got_records = true;
    }
    if (batch.records().empty()) continue;
    request.set_add_records(batch.records_size());
    request.set_add_bytes(bytes);
    open = stream->Write(request);
  }
  stream->WritesDone();
  const absl::Status status = FromGrpc(stream->Finish());
  absl::MutexLock lock(&mutex_);
  context_ = nullptr;
  return status;
}

}  // namespace postern::client
