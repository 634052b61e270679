// A bare gRPC stream: what a shop writes for a partner is written to that partner's Receive stream, byte for byte. It
// decides nothing, accounts for nothing and keeps what waits in memory only: what delivery is measured against.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "absl/base/thread_annotations.h"
#include "absl/container/node_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "postern/bench/v1/forward_service.grpc.pb.h"
#include "proto/postern/v1/partner_service.grpc.pb.h"

namespace postern::bench {

// Messages that wait for one partner, and the stream that takes them. Thread-safe.
class ForwardLane {
 public:
  class Stream;

  void Put(const std::string& message);

 private:
  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  std::deque<grpc::ByteBuffer> waiting_ ABSL_GUARDED_BY(mutex_);
  Stream* stream_ ABSL_GUARDED_BY(mutex_) = nullptr;  // the last one opened, while it lives
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
};

// Thread-safe. Lanes are never removed.
class ForwardLanes {
 public:
  // `partner` is the SPIFFE id in its certificate.
  ForwardLane& For(absl::string_view partner);

 private:
  absl::Mutex mutex_;
  absl::node_hash_map<std::string, ForwardLane> lanes_ ABSL_GUARDED_BY(mutex_);
};

// The shop's side. `lanes` must outlive it.
class ForwardServer final : public v1::ForwardService::CallbackService {
 public:
  explicit ForwardServer(ForwardLanes* lanes) : lanes_(lanes) {}
  grpc::ServerBidiReactor<v1::ForwardRequest, v1::ForwardResponse>* Forward(grpc::CallbackServerContext*) override;

 private:
  ForwardLanes* const lanes_;
};

// The partners' side, without a parse or a serialisation. Credits and acknowledgements are read and dropped.
class ForwardReceiveServer final
    : public postern::v1::PartnerService::WithRawCallbackMethod_Receive<postern::v1::PartnerService::Service> {
 public:
  explicit ForwardReceiveServer(ForwardLanes* lanes) : lanes_(lanes) {}
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Receive(grpc::CallbackServerContext* context) override;

 private:
  ForwardLanes* const lanes_;
};

}  // namespace postern::bench
