#include "tests/bench/gateway/forwarder.h"

#include <utility>

#include <grpcpp/security/auth_context.h>

namespace postern::bench {

// A partner's stream; its state is the lane's and under the lane's mutex.
class ForwardLane::Stream final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit Stream(ForwardLane* lane) : lane_(*lane) {
    StartRead(&request_);
    absl::MutexLock lock(&lane_.mutex_);
    lane_.stream_ = this;
    lane_.writing_ = false;
    lane_.Pump();
  }
  void OnReadDone(bool ok) override {
    if (ok)
      StartRead(&request_);
    else
      End();
  }
  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&lane_.mutex_);
    if (!ok || lane_.stream_ != this) return;
    lane_.writing_ = false;
    lane_.Pump();
  }
  void OnCancel() override { End(); }
  void OnDone() override { delete this; }

  void Write(grpc::ByteBuffer message) {
    message_ = std::move(message);
    StartWrite(&message_);
  }

 private:
  void End() {
    absl::MutexLock lock(&lane_.mutex_);
    if (lane_.stream_ == this) lane_.stream_ = nullptr;
    if (std::exchange(ended_, true)) return;
    Finish(grpc::Status::OK);
  }

  ForwardLane& lane_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer message_;
  bool ended_ = false;
};

void ForwardLane::Put(const std::string& message) {
  const grpc::Slice slice(message);
  absl::MutexLock lock(&mutex_);
  waiting_.emplace_back(&slice, 1);
  Pump();
}

void ForwardLane::Pump() {
  if (stream_ == nullptr || writing_ || waiting_.empty()) return;
  writing_ = true;
  stream_->Write(std::move(waiting_.front()));
  waiting_.pop_front();
}

ForwardLane& ForwardLanes::For(absl::string_view partner) {
  absl::MutexLock lock(&mutex_);
  return lanes_[partner];
}

namespace {

// Answers each message after it was read.
class ForwardReactor final : public grpc::ServerBidiReactor<v1::ForwardRequest, v1::ForwardResponse> {
 public:
  explicit ForwardReactor(ForwardLanes* lanes) : lanes_(*lanes) { StartRead(&request_); }
  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    lanes_.For(request_.partner()).Put(request_.message());
    response_.set_taken(request_.records());
    StartWrite(&response_);
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    StartRead(&request_);
  }
  void OnDone() override { delete this; }

 private:
  ForwardLanes& lanes_;
  v1::ForwardRequest request_;
  v1::ForwardResponse response_;
};

}  // namespace

grpc::ServerBidiReactor<v1::ForwardRequest, v1::ForwardResponse>* ForwardServer::Forward(grpc::CallbackServerContext*) {
  return new ForwardReactor(lanes_);
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* ForwardReceiveServer::Receive(
    grpc::CallbackServerContext* context) {
  const auto ids = context->auth_context()->FindPropertyValues("peer_spiffe_id");
  const std::string partner = ids.empty() ? "" : std::string(ids[0].data(), ids[0].size());
  return new ForwardLane::Stream(&lanes_->For(partner));
}

}  // namespace postern::bench
