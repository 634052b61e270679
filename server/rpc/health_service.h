// grpc.health.v1 on one listener, behind its gate like every other call: who may not call the listener learns nothing.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "proto/grpc/health/v1/health.grpc.pb.h"
#include "server/rpc/call_gate.h"

namespace postern::rpc {

class HealthStream;

// Thread-safe; `gate` is borrowed. NOT_SERVING until SetServing.
class HealthService final : public grpc::health::v1::Health::CallbackService {
 public:
  // `services` are the full names that are known beside "", the listener as a whole; all serve or none does.
  HealthService(CallGate* gate, const std::vector<std::string>& services);

  void SetServing(bool serving);

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const grpc::health::v1::HealthCheckRequest* request,
                                  grpc::health::v1::HealthCheckResponse* response) override;
  grpc::ServerWriteReactor<grpc::health::v1::HealthCheckResponse>* Watch(
      grpc::CallbackServerContext* context, const grpc::health::v1::HealthCheckRequest* request) override;

 private:
  friend class HealthStream;
  using Status = grpc::health::v1::HealthCheckResponse::ServingStatus;

  // Tells `stream` the state of `service` now and at every change, until it is forgotten.
  void Subscribe(const std::shared_ptr<HealthStream>& stream, absl::string_view service);
  void Forget(const HealthStream* stream);
  Status StatusOf(absl::string_view service) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  // Constant after construction.
  CallGate* const gate_;
  absl::flat_hash_set<std::string> services_;

  mutable absl::Mutex mutex_;  // before the streams' own
  bool serving_ ABSL_GUARDED_BY(mutex_) = false;
  // Watchers of known services: what is unknown stays so.
  absl::flat_hash_map<const HealthStream*, std::weak_ptr<HealthStream>> watchers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::rpc
