#include "server/rpc/storefront_service.h"

#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "proto/errors/error.h"
#include "server/rpc/disclosure_metrics.h"
#include "server/rpc/disclosure_stream.h"
#include "server/rpc/outcome_stream.h"
#include "server/rpc/unary_call.h"

namespace postern::rpc {

using identity::FindRule;
using identity::Principal;

StorefrontService::StorefrontService(const Parts& parts)
    : parts_(parts), create_rule_(FindRule("postern.v1.StorefrontService.CreateDisclosure")) {}

grpc::ServerUnaryReactor* StorefrontService::CreateDisclosure(grpc::CallbackServerContext* context,
                                                              const v1::CreateDisclosureRequest* request,
                                                              v1::CreateDisclosureResponse* response) {
  UnaryCall* call = UnaryCall::Enter(parts_.gate, *context, create_rule_);
  if (!call->entered()) return call;
  CallObserver* observer = parts_.gate->observer();
  parts_.discloser->Create(call->principal(), *request,
                           [call, response, observer](absl::StatusOr<v1::CreateDisclosureResponse> result) {
                             if (result.ok()) {
                               *response = *std::move(result);
                               Observe(observer, *response);
                             } else {
                               observer->OnDisclosure(ReasonOf(result.status()));
                             }
                             call->End(result.status());
                           });
  return call;
}

grpc::ServerUnaryReactor* StorefrontService::BatchCreateDisclosures(grpc::CallbackServerContext* context,
                                                                    const v1::BatchCreateDisclosuresRequest* request,
                                                                    v1::BatchCreateDisclosuresResponse* response) {
  UnaryCall* call =
      UnaryCall::Enter(parts_.gate, *context, FindRule("postern.v1.StorefrontService.BatchCreateDisclosures"));
  if (!call->entered()) return call;
  CallObserver* observer = parts_.gate->observer();
  parts_.discloser->CreateBatch(call->principal(), request->requests(),
                                [call, response, observer](absl::StatusOr<disclosure::BatchAnswers> batch) {
                                  if (!batch.ok()) return call->End(batch.status());
                                  for (const v1::DisclosureAnswer* answer : batch->answers) {
                                    Observe(observer, *answer);
                                    *response->add_answers() = *answer;
                                  }
                                  call->End(absl::OkStatus());
                                });
  return call;
}

grpc::ServerBidiReactor<v1::StreamDisclosuresRequest, v1::StreamDisclosuresResponse>*
StorefrontService::StreamDisclosures(grpc::CallbackServerContext* context) {
  return DisclosureStream::Open(parts_.gate, context, parts_.discloser, parts_.stream_disclosures_in_flight);
}

grpc::ServerUnaryReactor* StorefrontService::Exchange(grpc::CallbackServerContext* context,
                                                      const v1::ExchangeRequest* request,
                                                      v1::ExchangeResponse* response) {
  UnaryCall* call = UnaryCall::Enter(parts_.gate, *context, FindRule("postern.v1.StorefrontService.Exchange"));
  if (!call->entered()) return call;
  if (parts_.exchanger == nullptr) {
    call->End(MakeError(v1::ERROR_REASON_PARTNER_UNREACHABLE, "this gateway has no client certificate for partners"));
    return call;
  }
  // A caller without a deadline waits as long as the contract says.
  const absl::Time deadline = absl::FromChrono(context->deadline());
  CallObserver* observer = parts_.gate->observer();
  parts_.exchanger->Exchange(call->principal(), *request, deadline,
                             [call, response, observer](absl::StatusOr<v1::ExchangeResponse> result) {
                               observer->OnDisclosure(ReasonOf(result.status()));
                               if (result.ok()) *response = *std::move(result);
                               call->End(result.status());
                             });
  return call;
}

grpc::ServerUnaryReactor* StorefrontService::PreviewDisclosure(grpc::CallbackServerContext* context,
                                                               const v1::PreviewDisclosureRequest* request,
                                                               v1::PreviewDisclosureResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.StorefrontService.PreviewDisclosure"), request,
                     response, [this, request](const Principal&) { return parts_.discloser->Preview(*request); });
}

grpc::ServerUnaryReactor* StorefrontService::GetDisclosure(grpc::CallbackServerContext* context,
                                                           const v1::GetDisclosureRequest* request,
                                                           v1::Disclosure* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.StorefrontService.GetDisclosure"), request, response,
                     [this, request](const Principal&) { return parts_.reader->Get(*request); });
}

grpc::ServerUnaryReactor* StorefrontService::ListDisclosures(grpc::CallbackServerContext* context,
                                                             const v1::ListDisclosuresRequest* request,
                                                             v1::ListDisclosuresResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.StorefrontService.ListDisclosures"), request, response,
                     [this, request](const Principal&) { return parts_.reader->List(*request); });
}

grpc::ServerWriteReactor<v1::WatchOutcomesResponse>* StorefrontService::WatchOutcomes(
    grpc::CallbackServerContext* context, const v1::WatchOutcomesRequest* request) {
  return OutcomeStream::Open(parts_.gate, context, parts_.outcomes, request->resume_token());
}

grpc::ServerUnaryReactor* StorefrontService::ReportOrderEvent(grpc::CallbackServerContext* context,
                                                              const v1::ReportOrderEventRequest* request,
                                                              v1::ReportOrderEventResponse* response) {
  return RunBlocking(
      parts_.gate, *context, FindRule("postern.v1.StorefrontService.ReportOrderEvent"), request, response,
      [this, request](const Principal& caller) { return parts_.reader->ReportOrderEvent(caller, *request); });
}

}  // namespace postern::rpc
