// PartnerService: what partners call.
#pragma once

#include "proto/postern/v1/partner_service.grpc.pb.h"
#include "server/delivery/delivery_hub.h"
#include "server/delivery/submit_result.h"
#include "server/registry/control_plane.h"
#include "server/revocation/attestation.h"
#include "server/revocation/notice_reader.h"
#include "server/rpc/call_gate.h"

namespace postern::rpc {

// Thread-safe; the parts are borrowed.
class PartnerService final : public v1::PartnerService::CallbackService {
 public:
  struct Parts {
    CallGate* gate = nullptr;
    delivery::DeliveryHub* hub = nullptr;
    delivery::ResultReceiver* results = nullptr;
    registry::ControlPlane* control = nullptr;
    revocation::NoticeReader* notices = nullptr;
    revocation::AttestationDesk* attestations = nullptr;
  };
  explicit PartnerService(const Parts& parts) : parts_(parts) {}

  grpc::ServerBidiReactor<v1::ReceiveRequest, v1::ReceiveResponse>* Receive(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* SubmitResult(grpc::CallbackServerContext* context, const v1::SubmitResultRequest* request,
                                         v1::SubmitResultResponse* response) override;
  grpc::ServerUnaryReactor* GetStanding(grpc::CallbackServerContext* context, const v1::GetStandingRequest* request,
                                        v1::GetStandingResponse* response) override;
  grpc::ServerUnaryReactor* ListDeletionNotices(grpc::CallbackServerContext* context,
                                                const v1::ListDeletionNoticesRequest* request,
                                                v1::ListDeletionNoticesResponse* response) override;
  grpc::ServerUnaryReactor* AcknowledgeDeletionNotice(grpc::CallbackServerContext* context,
                                                      const v1::AcknowledgeDeletionNoticeRequest* request,
                                                      v1::AcknowledgeDeletionNoticeResponse* response) override;
  grpc::ServerUnaryReactor* AttestDeletion(grpc::CallbackServerContext* context,
                                           const v1::AttestDeletionRequest* request,
                                           v1::AttestDeletionResponse* response) override;

 private:
  const Parts parts_;
};

}  // namespace postern::rpc
