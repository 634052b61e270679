// RetentionService: terms that end, for operators.
#pragma once

#include "proto/postern/v1/retention_service.grpc.pb.h"
#include "server/retention/executor.h"
#include "server/rpc/call_gate.h"

namespace postern::rpc {

// Thread-safe; the parts are borrowed.
class RetentionService final : public v1::RetentionService::CallbackService {
 public:
  RetentionService(CallGate* gate, retention::Executor* executor) : gate_(gate), executor_(executor) {}

  grpc::ServerUnaryReactor* PlanRetention(grpc::CallbackServerContext* context, const v1::PlanRetentionRequest* request,
                                          v1::RetentionPlan* response) override;
  grpc::ServerUnaryReactor* RunRetention(grpc::CallbackServerContext* context, const v1::RunRetentionRequest* request,
                                         v1::RetentionRound* response) override;
  grpc::ServerUnaryReactor* GetRetentionReport(grpc::CallbackServerContext* context,
                                               const v1::GetRetentionReportRequest* request,
                                               v1::RetentionReport* response) override;

 private:
  CallGate* const gate_;
  retention::Executor* const executor_;
};

}  // namespace postern::rpc
