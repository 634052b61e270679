#include "server/rpc/supervision_service.h"

#include "server/rpc/unary_call.h"

namespace postern::rpc {

using identity::FindRule;
using identity::Principal;

grpc::ServerUnaryReactor* SupervisionService::ListSupervisionFindings(grpc::CallbackServerContext* context,
                                                                      const v1::ListSupervisionFindingsRequest* request,
                                                                      v1::ListSupervisionFindingsResponse* response) {
  return RunBlocking(gate_, *context, FindRule("postern.v1.SupervisionService.ListSupervisionFindings"), request,
                     response, [this, request](const Principal&) { return supervisor_->List(*request); });
}

grpc::ServerUnaryReactor* SupervisionService::ReplaySupervision(grpc::CallbackServerContext* context,
                                                                const v1::ReplaySupervisionRequest* request,
                                                                v1::ReplaySupervisionResponse* response) {
  return RunBlocking(gate_, *context, FindRule("postern.v1.SupervisionService.ReplaySupervision"), request, response,
                     [this, request](const Principal&) { return supervisor_->Replay(*request); });
}

grpc::ServerUnaryReactor* SupervisionService::PlantCanary(grpc::CallbackServerContext* context,
                                                          const v1::PlantCanaryRequest* request, v1::Canary* response) {
  return RunBlocking(gate_, *context, FindRule("postern.v1.SupervisionService.PlantCanary"), request, response,
                     [this, request](const Principal& caller) { return canaries_->Plant(caller, *request); });
}

grpc::ServerUnaryReactor* SupervisionService::TraceLeak(grpc::CallbackServerContext* context,
                                                        const v1::TraceLeakRequest* request,
                                                        v1::TraceLeakResponse* response) {
  return RunBlocking(gate_, *context, FindRule("postern.v1.SupervisionService.TraceLeak"), request, response,
                     [this, request](const Principal& caller) { return canaries_->Trace(caller, *request); });
}

}  // namespace postern::rpc
