// StatisticsService: anonymous statistics, for the shop and for operators.
#pragma once

#include "proto/postern/v1/statistics_service.grpc.pb.h"
#include "server/rpc/call_gate.h"
#include "server/statistics/query.h"

namespace postern::rpc {

// Thread-safe; the parts are borrowed.
class StatisticsService final : public v1::StatisticsService::CallbackService {
 public:
  StatisticsService(CallGate* gate, statistics::Statistics* statistics) : gate_(gate), statistics_(statistics) {}

  grpc::ServerUnaryReactor* QueryStatistics(grpc::CallbackServerContext* context,
                                            const v1::QueryStatisticsRequest* request,
                                            v1::QueryStatisticsResponse* response) override;

 private:
  CallGate* const gate_;
  statistics::Statistics* const statistics_;
};

}  // namespace postern::rpc
