// OperatorService: what operators, privacy officers and viewers call.
#pragma once

#include <functional>
#include <memory>

#include "proto/postern/v1/operator_service.grpc.pb.h"
#include "server/delivery/dead_letters.h"
#include "server/identity/enrolment.h"
#include "server/registry/bundle_registry.h"
#include "server/registry/endpoint_registry.h"
#include "server/registry/events.h"
#include "server/registry/partner_registry.h"
#include "server/revocation/attestation.h"
#include "server/revocation/batch_revoker.h"
#include "server/revocation/notice_reader.h"
#include "server/revocation/suspender.h"
#include "server/revocation/terminator.h"
#include "server/rpc/call_gate.h"

namespace postern::rpc {

// Thread-safe; the parts are borrowed.
class OperatorService final : public v1::OperatorService::CallbackService {
 public:
  struct Parts {
    CallGate* gate = nullptr;
    registry::PartnerRegistry* partners = nullptr;
    registry::BundleRegistry* bundles = nullptr;
    registry::EventFeed* events = nullptr;
    revocation::Suspender* suspender = nullptr;
    revocation::Terminator* terminator = nullptr;
    revocation::BatchRevoker* batch_revoker = nullptr;
    registry::EndpointRegistry* endpoints = nullptr;
    revocation::NoticeReader* notices = nullptr;
    revocation::AttestationDesk* attestations = nullptr;
    delivery::DeadLetters* dead_letters = nullptr;
    std::function<std::shared_ptr<const identity::EnrolmentCa>()> enrolment;  // null: enrolment is off
  };
  explicit OperatorService(const Parts& parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* CreatePartner(grpc::CallbackServerContext* context, const v1::CreatePartnerRequest* request,
                                          v1::Partner* response) override;
  grpc::ServerUnaryReactor* GetPartner(grpc::CallbackServerContext* context, const v1::GetPartnerRequest* request,
                                       v1::Partner* response) override;
  grpc::ServerUnaryReactor* ListPartners(grpc::CallbackServerContext* context, const v1::ListPartnersRequest* request,
                                         v1::ListPartnersResponse* response) override;
  grpc::ServerUnaryReactor* UpdatePartner(grpc::CallbackServerContext* context, const v1::UpdatePartnerRequest* request,
                                          v1::Partner* response) override;
  grpc::ServerUnaryReactor* EnrolPartner(grpc::CallbackServerContext* context, const v1::EnrolPartnerRequest* request,
                                         v1::EnrolPartnerResponse* response) override;
  grpc::ServerUnaryReactor* ApplyPolicyBundle(grpc::CallbackServerContext* context,
                                              const v1::ApplyPolicyBundleRequest* request,
                                              v1::ApplyPolicyBundleResponse* response) override;
  grpc::ServerUnaryReactor* GetPolicyBundle(grpc::CallbackServerContext* context,
                                            const v1::GetPolicyBundleRequest* request,
                                            v1::PolicyBundle* response) override;
  grpc::ServerUnaryReactor* ListContractRevisions(grpc::CallbackServerContext* context,
                                                  const v1::ListContractRevisionsRequest* request,
                                                  v1::ListContractRevisionsResponse* response) override;
  grpc::ServerUnaryReactor* ActivateContractRevision(grpc::CallbackServerContext* context,
                                                     const v1::ActivateContractRevisionRequest* request,
                                                     v1::ContractRevision* response) override;
  grpc::ServerUnaryReactor* SuspendPartner(grpc::CallbackServerContext* context,
                                           const v1::SuspendPartnerRequest* request,
                                           v1::SuspendPartnerResponse* response) override;
  grpc::ServerUnaryReactor* ResumePartner(grpc::CallbackServerContext* context, const v1::ResumePartnerRequest* request,
                                          v1::Partner* response) override;
  grpc::ServerUnaryReactor* TerminatePartner(grpc::CallbackServerContext* context,
                                             const v1::TerminatePartnerRequest* request,
                                             v1::TerminatePartnerResponse* response) override;
  grpc::ServerUnaryReactor* BatchSuspendPartners(grpc::CallbackServerContext* context,
                                                 const v1::BatchSuspendPartnersRequest* request,
                                                 v1::BatchSuspendPartnersResponse* response) override;
  grpc::ServerUnaryReactor* BatchTerminatePartners(grpc::CallbackServerContext* context,
                                                   const v1::BatchTerminatePartnersRequest* request,
                                                   v1::BatchTerminatePartnersResponse* response) override;
  grpc::ServerUnaryReactor* EnablePartnerEndpoint(grpc::CallbackServerContext* context,
                                                  const v1::EnablePartnerEndpointRequest* request,
                                                  v1::Partner* response) override;
  grpc::ServerUnaryReactor* IssueWebhookSecret(grpc::CallbackServerContext* context,
                                               const v1::IssueWebhookSecretRequest* request,
                                               v1::IssueWebhookSecretResponse* response) override;
  grpc::ServerUnaryReactor* GetDeletionCampaign(grpc::CallbackServerContext* context,
                                                const v1::GetDeletionCampaignRequest* request,
                                                v1::DeletionCampaign* response) override;
  grpc::ServerUnaryReactor* ListDeletionCampaigns(grpc::CallbackServerContext* context,
                                                  const v1::ListDeletionCampaignsRequest* request,
                                                  v1::ListDeletionCampaignsResponse* response) override;
  grpc::ServerUnaryReactor* ListCampaignNotices(grpc::CallbackServerContext* context,
                                                const v1::ListCampaignNoticesRequest* request,
                                                v1::ListCampaignNoticesResponse* response) override;
  grpc::ServerUnaryReactor* RecordDocumentAttestation(grpc::CallbackServerContext* context,
                                                      const v1::RecordDocumentAttestationRequest* request,
                                                      v1::DeletionNotice* response) override;
  grpc::ServerUnaryReactor* ListDeadLetters(grpc::CallbackServerContext* context,
                                            const v1::ListDeadLettersRequest* request,
                                            v1::ListDeadLettersResponse* response) override;
  grpc::ServerUnaryReactor* ReplayDeadLetter(grpc::CallbackServerContext* context,
                                             const v1::ReplayDeadLetterRequest* request,
                                             v1::ReplayDeadLetterResponse* response) override;
  grpc::ServerUnaryReactor* DropDeadLetter(grpc::CallbackServerContext* context,
                                           const v1::DropDeadLetterRequest* request,
                                           v1::DropDeadLetterResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchEventsResponse>* WatchEvents(grpc::CallbackServerContext* context,
                                                                 const v1::WatchEventsRequest* request) override;

 private:
  absl::StatusOr<v1::EnrolPartnerResponse> Enrol(const identity::Principal& caller,
                                                 const v1::EnrolPartnerRequest& request);

  const Parts parts_;
};

}  // namespace postern::rpc
