// SupervisionService: what stood out in partners' usage, for operators.
#pragma once

#include "proto/postern/v1/supervision_service.grpc.pb.h"
#include "server/rpc/call_gate.h"
#include "server/supervision/canary_desk.h"
#include "server/supervision/supervisor.h"

namespace postern::rpc {

// Thread-safe; the parts are borrowed.
class SupervisionService final : public v1::SupervisionService::CallbackService {
 public:
  SupervisionService(CallGate* gate, supervision::Supervisor* supervisor, supervision::CanaryDesk* canaries)
      : gate_(gate), supervisor_(supervisor), canaries_(canaries) {}

  grpc::ServerUnaryReactor* ListSupervisionFindings(grpc::CallbackServerContext* context,
                                                    const v1::ListSupervisionFindingsRequest* request,
                                                    v1::ListSupervisionFindingsResponse* response) override;
  grpc::ServerUnaryReactor* ReplaySupervision(grpc::CallbackServerContext* context,
                                              const v1::ReplaySupervisionRequest* request,
                                              v1::ReplaySupervisionResponse* response) override;
  grpc::ServerUnaryReactor* PlantCanary(grpc::CallbackServerContext* context, const v1::PlantCanaryRequest* request,
                                        v1::Canary* response) override;
  grpc::ServerUnaryReactor* TraceLeak(grpc::CallbackServerContext* context, const v1::TraceLeakRequest* request,
                                      v1::TraceLeakResponse* response) override;

 private:
  CallGate* const gate_;
  supervision::Supervisor* const supervisor_;
  supervision::CanaryDesk* const canaries_;
};

}  // namespace postern::rpc
