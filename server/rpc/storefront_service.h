// StorefrontService: what the shop's backend calls. Each method is authenticate → call the domain → reply.
#pragma once

#include "proto/postern/v1/storefront_service.grpc.pb.h"
#include "server/delivery/exchange.h"
#include "server/delivery/outcomes.h"
#include "server/disclosure/discloser.h"
#include "server/disclosure/reader.h"
#include "server/rpc/call_gate.h"

namespace postern::rpc {

// Thread-safe; the parts are borrowed.
class StorefrontService final : public v1::StorefrontService::CallbackService {
 public:
  struct Parts {
    CallGate* gate = nullptr;
    disclosure::Discloser* discloser = nullptr;
    disclosure::Reader* reader = nullptr;
    delivery::Exchanger* exchanger = nullptr;  // null: no client certificate, exchanges are refused
    delivery::OutcomeFeed* outcomes = nullptr;
    int stream_disclosures_in_flight = 4096;
  };
  explicit StorefrontService(const Parts& parts);

  grpc::ServerUnaryReactor* CreateDisclosure(grpc::CallbackServerContext* context,
                                             const v1::CreateDisclosureRequest* request,
                                             v1::CreateDisclosureResponse* response) override;
  grpc::ServerUnaryReactor* BatchCreateDisclosures(grpc::CallbackServerContext* context,
                                                   const v1::BatchCreateDisclosuresRequest* request,
                                                   v1::BatchCreateDisclosuresResponse* response) override;
  grpc::ServerBidiReactor<v1::StreamDisclosuresRequest, v1::StreamDisclosuresResponse>* StreamDisclosures(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* Exchange(grpc::CallbackServerContext* context, const v1::ExchangeRequest* request,
                                     v1::ExchangeResponse* response) override;
  grpc::ServerUnaryReactor* PreviewDisclosure(grpc::CallbackServerContext* context,
                                              const v1::PreviewDisclosureRequest* request,
                                              v1::PreviewDisclosureResponse* response) override;
  grpc::ServerUnaryReactor* GetDisclosure(grpc::CallbackServerContext* context, const v1::GetDisclosureRequest* request,
                                          v1::Disclosure* response) override;
  grpc::ServerUnaryReactor* ListDisclosures(grpc::CallbackServerContext* context,
                                            const v1::ListDisclosuresRequest* request,
                                            v1::ListDisclosuresResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchOutcomesResponse>* WatchOutcomes(grpc::CallbackServerContext* context,
                                                                     const v1::WatchOutcomesRequest* request) override;
  grpc::ServerUnaryReactor* ReportOrderEvent(grpc::CallbackServerContext* context,
                                             const v1::ReportOrderEventRequest* request,
                                             v1::ReportOrderEventResponse* response) override;

 private:
  const Parts parts_;
  const identity::MethodRule* const create_rule_;  // looked up once: the hot path
};

}  // namespace postern::rpc
