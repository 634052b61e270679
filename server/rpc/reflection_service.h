// grpc.reflection.v1alpha, behind the gate: the API's schema for tools of people who may look.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <string>
#include <vector>

#include "proto/grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "server/rpc/call_gate.h"

namespace postern::rpc {

// Thread-safe; `gate` is borrowed.
class ReflectionService final : public grpc::reflection::v1alpha::ServerReflection::CallbackService {
 public:
  // `services` are the full names to list.
  ReflectionService(CallGate* gate, std::vector<std::string> services) : gate_(gate), services_(std::move(services)) {}

  grpc::ServerBidiReactor<grpc::reflection::v1alpha::ServerReflectionRequest,
                          grpc::reflection::v1alpha::ServerReflectionResponse>*
  ServerReflectionInfo(grpc::CallbackServerContext* context) override;

 private:
  CallGate* const gate_;
  const std::vector<std::string> services_;
};

}  // namespace postern::rpc
