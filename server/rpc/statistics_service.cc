#include "server/rpc/statistics_service.h"

#include "server/rpc/unary_call.h"

namespace postern::rpc {

grpc::ServerUnaryReactor* StatisticsService::QueryStatistics(grpc::CallbackServerContext* context,
                                                             const v1::QueryStatisticsRequest* request,
                                                             v1::QueryStatisticsResponse* response) {
  return RunBlocking(gate_, *context, identity::FindRule("postern.v1.StatisticsService.QueryStatistics"), request,
                     response, [this, request](const identity::Principal&) { return statistics_->Query(*request); });
}

}  // namespace postern::rpc
