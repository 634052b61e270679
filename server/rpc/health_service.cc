#include "server/rpc/health_service.h"

#include <optional>
#include <utility>

#include "proto/errors/error.h"
#include "server/rpc/stream_base.h"
#include "server/rpc/unary_call.h"

namespace postern::rpc {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using identity::FindRule;

// One watcher. A slow one is told the latest state only.
class HealthStream final : public StreamBase<HealthStream, grpc::ServerWriteReactor<HealthCheckResponse>> {
 public:
  HealthStream(CallGate* gate, grpc::CallbackServerContext* context, HealthService* health)
      : StreamBase(gate, context, StreamKind::kHealth), health_(health) {}

  bool Open() { return Enter(FindRule("grpc.health.v1.Health.Watch")); }

  void Tell(HealthCheckResponse::ServingStatus status) {
    absl::MutexLock lock(&mutex_);
    latest_ = status;
    if (!write_pending_) WriteLatest();
  }

  void OnWriteDone(bool ok) override {
    const auto self = shared_from_this();
    absl::MutexLock lock(&mutex_);
    write_pending_ = false;
    if (!ok) return EndLocked(absl::CancelledError("the watcher is gone"));
    WriteLatest();
  }

 protected:
  void Released() override { health_->Forget(this); }

 private:
  void WriteLatest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (ended_ || !latest_.has_value()) return;
    response_.set_status(*std::exchange(latest_, std::nullopt));
    write_pending_ = true;
    StartWrite(&response_);
  }

  HealthService* const health_;
  HealthCheckResponse response_;                                                      // while a write is pending
  std::optional<HealthCheckResponse::ServingStatus> latest_ ABSL_GUARDED_BY(mutex_);  // not written yet
};

HealthService::HealthService(CallGate* gate, const std::vector<std::string>& services)
    : gate_(gate), services_(services.begin(), services.end()) {
  services_.insert("");
}

void HealthService::SetServing(bool serving) {
  absl::MutexLock lock(&mutex_);
  if (serving_ == serving) return;
  serving_ = serving;
  for (const auto& [key, weak] : watchers_) {
    if (const auto stream = weak.lock()) stream->Tell(StatusOf(""));
  }
}

grpc::ServerUnaryReactor* HealthService::Check(grpc::CallbackServerContext* context, const HealthCheckRequest* request,
                                               HealthCheckResponse* response) {
  UnaryCall* call = UnaryCall::Enter(gate_, *context, FindRule("grpc.health.v1.Health.Check"));
  if (!call->entered()) return call;
  {
    absl::ReaderMutexLock lock(&mutex_);
    response->set_status(StatusOf(request->service()));
  }
  call->End(response->status() == HealthCheckResponse::SERVICE_UNKNOWN
                ? MakeError(v1::ERROR_REASON_NOT_FOUND, "no such service on this listener")
                : absl::OkStatus());
  return call;
}

grpc::ServerWriteReactor<HealthCheckResponse>* HealthService::Watch(grpc::CallbackServerContext* context,
                                                                    const HealthCheckRequest* request) {
  auto stream = std::make_shared<HealthStream>(gate_, context, this);
  HealthStream* const out = stream.get();
  if (stream->Open()) Subscribe(stream, request->service());
  return out;
}

void HealthService::Subscribe(const std::shared_ptr<HealthStream>& stream, absl::string_view service) {
  absl::MutexLock lock(&mutex_);
  if (services_.contains(service)) watchers_[stream.get()] = stream;
  stream->Tell(StatusOf(service));
}

void HealthService::Forget(const HealthStream* stream) {
  absl::MutexLock lock(&mutex_);
  watchers_.erase(stream);
}

HealthService::Status HealthService::StatusOf(absl::string_view service) const {
  if (!services_.contains(service)) return HealthCheckResponse::SERVICE_UNKNOWN;
  return serving_ ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
}

}  // namespace postern::rpc
