// SupervisionService: what stood out in partners' usage, for operators.
#pragma once

#include "proto/postern/v1/supervision_service.grpc.pb.h"
#include "server/rpc/call_gate.h"
#include "server/supervision/supervisor.h"

namespace postern::rpc {

// Thread-safe; the parts are borrowed.
class SupervisionService final : public v1::SupervisionService::CallbackService {
 public:
  SupervisionService(CallGate* gate, supervision::Supervisor* supervisor) : gate_(gate), supervisor_(supervisor) {}

  grpc::ServerUnaryReactor* ListSupervisionFindings(grpc::CallbackServerContext* context,
                                                    const v1::ListSupervisionFindingsRequest* request,
                                                    v1::ListSupervisionFindingsResponse* response) override;
  grpc::ServerUnaryReactor* ReplaySupervision(grpc::CallbackServerContext* context,
                                              const v1::ReplaySupervisionRequest* request,
                                              v1::ReplaySupervisionResponse* response) override;

 private:
  CallGate* const gate_;
  supervision::Supervisor* const supervisor_;
};

}  // namespace postern::rpc
