#include "server/rpc/retention_service.h"

#include "server/rpc/unary_call.h"

namespace postern::rpc {

using identity::FindRule;
using identity::Principal;

grpc::ServerUnaryReactor* RetentionService::PlanRetention(grpc::CallbackServerContext* context,
                                                          const v1::PlanRetentionRequest* request,
                                                          v1::RetentionPlan* response) {
  return RunBlocking(gate_, *context, FindRule("postern.v1.RetentionService.PlanRetention"), request, response,
                     [this, request](const Principal&) { return executor_->Plan(*request); });
}

grpc::ServerUnaryReactor* RetentionService::RunRetention(grpc::CallbackServerContext* context,
                                                         const v1::RunRetentionRequest* request,
                                                         v1::RetentionRound* response) {
  return RunBlocking(gate_, *context, FindRule("postern.v1.RetentionService.RunRetention"), request, response,
                     [this](const Principal& caller) { return executor_->Run(caller.name); });
}

grpc::ServerUnaryReactor* RetentionService::GetRetentionReport(grpc::CallbackServerContext* context,
                                                               const v1::GetRetentionReportRequest* request,
                                                               v1::RetentionReport* response) {
  return RunBlocking(gate_, *context, FindRule("postern.v1.RetentionService.GetRetentionReport"), request, response,
                     [this](const Principal&) { return executor_->Report(); });
}

}  // namespace postern::rpc
