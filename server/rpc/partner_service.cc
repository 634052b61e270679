#include "server/rpc/partner_service.h"

#include "server/revocation/standing.h"
#include "server/rpc/receive_stream.h"
#include "server/rpc/unary_call.h"

namespace postern::rpc {

using identity::FindRule;
using identity::Principal;

grpc::ServerBidiReactor<v1::ReceiveRequest, v1::ReceiveResponse>* PartnerService::Receive(
    grpc::CallbackServerContext* context) {
  return ReceiveStream::Open(parts_.gate, context, parts_.hub);
}

grpc::ServerUnaryReactor* PartnerService::SubmitResult(grpc::CallbackServerContext* context,
                                                       const v1::SubmitResultRequest* request,
                                                       v1::SubmitResultResponse* response) {
  UnaryCall* call = UnaryCall::Enter(parts_.gate, *context, FindRule("postern.v1.PartnerService.SubmitResult"));
  if (!call->entered()) return call;
  // Before the pool, which is every partner's.
  if (const absl::Status room = parts_.results->Admit(call->principal()); !room.ok()) {
    call->End(room);
    return call;
  }
  const bool taken = parts_.gate->pool()->Run([this, request, response, call] {
    absl::StatusOr<v1::SubmitResultResponse> result = parts_.results->Submit(call->principal(), *request);
    if (result.ok()) *response = *std::move(result);
    call->End(result.status());
  });
  if (!taken) call->End(MakeError(v1::ERROR_REASON_OVERLOADED, "too many calls wait on this listener"));
  return call;
}

grpc::ServerUnaryReactor* PartnerService::GetStanding(grpc::CallbackServerContext* context,
                                                      const v1::GetStandingRequest* request,
                                                      v1::GetStandingResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.PartnerService.GetStanding"), request, response,
                     [this](const Principal& caller) { return revocation::GetStanding(*parts_.control, caller); });
}

grpc::ServerUnaryReactor* PartnerService::ListDeletionNotices(grpc::CallbackServerContext* context,
                                                              const v1::ListDeletionNoticesRequest* request,
                                                              v1::ListDeletionNoticesResponse* response) {
  return RunBlocking(
      parts_.gate, *context, FindRule("postern.v1.PartnerService.ListDeletionNotices"), request, response,
      [this, request](const Principal& caller) { return parts_.notices->ListDeletionNotices(caller, *request); });
}

grpc::ServerUnaryReactor* PartnerService::AcknowledgeDeletionNotice(grpc::CallbackServerContext* context,
                                                                    const v1::AcknowledgeDeletionNoticeRequest* request,
                                                                    v1::AcknowledgeDeletionNoticeResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.PartnerService.AcknowledgeDeletionNotice"), request,
                     response, [this, request](const Principal& caller) {
                       return parts_.attestations->AcknowledgeDeletionNotice(caller, *request);
                     });
}

grpc::ServerUnaryReactor* PartnerService::AttestDeletion(grpc::CallbackServerContext* context,
                                                         const v1::AttestDeletionRequest* request,
                                                         v1::AttestDeletionResponse* response) {
  return RunBlocking(
      parts_.gate, *context, FindRule("postern.v1.PartnerService.AttestDeletion"), request, response,
      [this, request](const Principal& caller) { return parts_.attestations->AttestDeletion(caller, *request); });
}

}  // namespace postern::rpc
