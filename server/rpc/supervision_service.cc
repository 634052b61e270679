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

}  // namespace postern::rpc
