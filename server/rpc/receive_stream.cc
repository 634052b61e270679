#include "server/rpc/receive_stream.h"

#include <optional>
#include <utility>

namespace postern::rpc {

ReceiveStream* ReceiveStream::Open(CallGate* gate, grpc::CallbackServerContext* context, delivery::DeliveryHub* hub) {
  auto stream = std::make_shared<ReceiveStream>(gate, context);
  ReceiveStream* const out = stream.get();
  if (!stream->Enter(identity::FindRule("postern.v1.PartnerService.Receive"))) return out;
  // The first stream of a partner reads its backlog from the store.
  if (!gate->pool()->Run([stream, hub] { stream->Start(hub); })) {
    stream->End(MakeError(v1::ERROR_REASON_OVERLOADED, "too many calls wait on this listener"));
  }
  return out;
}

void ReceiveStream::Start(delivery::DeliveryHub* hub) {
  const std::weak_ptr<ReceiveStream> weak = weak_from_this();
  delivery::ReceiveCallbacks callbacks;
  callbacks.on_ready = [weak] {
    if (const auto stream = weak.lock()) stream->Pump();
  };
  callbacks.on_end = [weak](const absl::Status& status) {
    if (const auto stream = weak.lock()) stream->End(status);
  };
  auto session = hub->OpenSession(principal(), std::move(callbacks));
  if (!session.ok()) return End(session.status());
  absl::MutexLock lock(&mutex_);
  session_ = *std::move(session);
  if (!ended_) StartRead(&request_);
}

void ReceiveStream::OnReadDone(bool ok) {
  const auto self = shared_from_this();
  if (!ok) {
    absl::MutexLock lock(&mutex_);
    half_closed_ = true;
    // The partner says nothing more; what is on its way to it still arrives before the stream ends.
    if (!write_pending_) EndLocked(absl::OkStatus());
    return;
  }
  const absl::Status taken = session_->OnRequest(request_);
  if (!taken.ok()) return End(taken);
  {
    absl::MutexLock lock(&mutex_);
    if (!ended_) StartRead(&request_);
  }
  Pump();
}

void ReceiveStream::OnWriteDone(bool ok) {
  const auto self = shared_from_this();
  {
    absl::MutexLock lock(&mutex_);
    write_pending_ = false;
    writing_.reset();
    if (!ok) return EndLocked(absl::CancelledError("the partner is gone"));
    if (half_closed_) return EndLocked(absl::OkStatus());
  }
  Pump();
}

void ReceiveStream::Pump() {
  absl::MutexLock lock(&mutex_);
  if (ended_ || half_closed_ || write_pending_ || session_ == nullptr) return;
  absl::StatusOr<std::optional<delivery::ReceiveSession::Batch>> batch = session_->Next();
  if (!batch.ok()) return EndLocked(batch.status());
  if (!batch->has_value()) return;
  writing_ = std::move((*batch)->arena);
  write_pending_ = true;
  StartWrite((*batch)->response);
  (*batch)->pass.Release();
}

void ReceiveStream::Released() {
  std::shared_ptr<delivery::ReceiveSession> session;
  {
    absl::MutexLock lock(&mutex_);
    session = std::move(session_);
  }
  if (session != nullptr) session->End();
}

}  // namespace postern::rpc
