#include "server/rpc/operator_service.h"

#include "server/rpc/event_stream.h"
#include "server/rpc/unary_call.h"

namespace postern::rpc {

using identity::FindRule;
using identity::Principal;

namespace {

constexpr int kDefaultValidDays = 90;

}  // namespace

grpc::ServerUnaryReactor* OperatorService::CreatePartner(grpc::CallbackServerContext* context,
                                                         const v1::CreatePartnerRequest* request,
                                                         v1::Partner* response) {
  return RunBlocking(
      parts_.gate, *context, FindRule("postern.v1.OperatorService.CreatePartner"), request, response,
      [this, request](const Principal& caller) { return parts_.partners->CreatePartner(caller.name, *request); });
}

grpc::ServerUnaryReactor* OperatorService::GetPartner(grpc::CallbackServerContext* context,
                                                      const v1::GetPartnerRequest* request, v1::Partner* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.OperatorService.GetPartner"), request, response,
                     [this, request](const Principal&) { return parts_.partners->GetPartner(*request); });
}

grpc::ServerUnaryReactor* OperatorService::ListPartners(grpc::CallbackServerContext* context,
                                                        const v1::ListPartnersRequest* request,
                                                        v1::ListPartnersResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.OperatorService.ListPartners"), request, response,
                     [this, request](const Principal&) { return parts_.partners->ListPartners(*request); });
}

grpc::ServerUnaryReactor* OperatorService::UpdatePartner(grpc::CallbackServerContext* context,
                                                         const v1::UpdatePartnerRequest* request,
                                                         v1::Partner* response) {
  return RunBlocking(
      parts_.gate, *context, FindRule("postern.v1.OperatorService.UpdatePartner"), request, response,
      [this, request](const Principal& caller) { return parts_.partners->UpdatePartner(caller.name, *request); });
}

grpc::ServerUnaryReactor* OperatorService::EnrolPartner(grpc::CallbackServerContext* context,
                                                        const v1::EnrolPartnerRequest* request,
                                                        v1::EnrolPartnerResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.OperatorService.EnrolPartner"), request, response,
                     [this, request](const Principal& caller) { return Enrol(caller, *request); });
}

grpc::ServerUnaryReactor* OperatorService::ApplyPolicyBundle(grpc::CallbackServerContext* context,
                                                             const v1::ApplyPolicyBundleRequest* request,
                                                             v1::ApplyPolicyBundleResponse* response) {
  return RunBlocking(
      parts_.gate, *context, FindRule("postern.v1.OperatorService.ApplyPolicyBundle"), request, response,
      [this, request](const Principal& caller) { return parts_.bundles->ApplyPolicyBundle(caller.name, *request); });
}

grpc::ServerUnaryReactor* OperatorService::GetPolicyBundle(grpc::CallbackServerContext* context,
                                                           const v1::GetPolicyBundleRequest* request,
                                                           v1::PolicyBundle* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.OperatorService.GetPolicyBundle"), request, response,
                     [this, request](const Principal&) { return parts_.bundles->GetPolicyBundle(*request); });
}

grpc::ServerUnaryReactor* OperatorService::ListContractRevisions(grpc::CallbackServerContext* context,
                                                                 const v1::ListContractRevisionsRequest* request,
                                                                 v1::ListContractRevisionsResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.OperatorService.ListContractRevisions"), request,
                     response,
                     [this, request](const Principal&) { return parts_.bundles->ListContractRevisions(*request); });
}

grpc::ServerUnaryReactor* OperatorService::ActivateContractRevision(grpc::CallbackServerContext* context,
                                                                    const v1::ActivateContractRevisionRequest* request,
                                                                    v1::ContractRevision* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.OperatorService.ActivateContractRevision"), request,
                     response, [this, request](const Principal& caller) {
                       return parts_.bundles->ActivateContractRevision(caller.name, *request);
                     });
}

grpc::ServerUnaryReactor* OperatorService::SuspendPartner(grpc::CallbackServerContext* context,
                                                          const v1::SuspendPartnerRequest* request,
                                                          v1::SuspendPartnerResponse* response) {
  return RunBlocking(
      parts_.gate, *context, FindRule("postern.v1.OperatorService.SuspendPartner"), request, response,
      [this, request](const Principal& caller) { return parts_.suspender->SuspendPartner(caller, *request); });
}

grpc::ServerUnaryReactor* OperatorService::ResumePartner(grpc::CallbackServerContext* context,
                                                         const v1::ResumePartnerRequest* request,
                                                         v1::Partner* response) {
  return RunBlocking(
      parts_.gate, *context, FindRule("postern.v1.OperatorService.ResumePartner"), request, response,
      [this, request](const Principal& caller) { return parts_.suspender->ResumePartner(caller, *request); });
}

grpc::ServerUnaryReactor* OperatorService::TerminatePartner(grpc::CallbackServerContext* context,
                                                            const v1::TerminatePartnerRequest* request,
                                                            v1::TerminatePartnerResponse* response) {
  return RunBlocking(
      parts_.gate, *context, FindRule("postern.v1.OperatorService.TerminatePartner"), request, response,
      [this, request](const Principal& caller) { return parts_.terminator->TerminatePartner(caller, *request); });
}

grpc::ServerUnaryReactor* OperatorService::BatchSuspendPartners(grpc::CallbackServerContext* context,
                                                                const v1::BatchSuspendPartnersRequest* request,
                                                                v1::BatchSuspendPartnersResponse* response) {
  return RunBlocking(
      parts_.gate, *context, FindRule("postern.v1.OperatorService.BatchSuspendPartners"), request, response,
      [this, request](const Principal& caller) { return parts_.batch_revoker->Suspend(caller, *request); });
}

grpc::ServerUnaryReactor* OperatorService::BatchTerminatePartners(grpc::CallbackServerContext* context,
                                                                  const v1::BatchTerminatePartnersRequest* request,
                                                                  v1::BatchTerminatePartnersResponse* response) {
  return RunBlocking(
      parts_.gate, *context, FindRule("postern.v1.OperatorService.BatchTerminatePartners"), request, response,
      [this, request](const Principal& caller) { return parts_.batch_revoker->Terminate(caller, *request); });
}

grpc::ServerUnaryReactor* OperatorService::EnablePartnerEndpoint(grpc::CallbackServerContext* context,
                                                                 const v1::EnablePartnerEndpointRequest* request,
                                                                 v1::Partner* response) {
  return RunBlocking(
      parts_.gate, *context, FindRule("postern.v1.OperatorService.EnablePartnerEndpoint"), request, response,
      [this, request](const Principal& caller) { return parts_.endpoints->Enable(caller.name, *request); });
}

grpc::ServerUnaryReactor* OperatorService::IssueWebhookSecret(grpc::CallbackServerContext* context,
                                                              const v1::IssueWebhookSecretRequest* request,
                                                              v1::IssueWebhookSecretResponse* response) {
  return RunBlocking(
      parts_.gate, *context, FindRule("postern.v1.OperatorService.IssueWebhookSecret"), request, response,
      [this, request](const Principal& caller) { return parts_.endpoints->IssueWebhookSecret(caller.name, *request); });
}

grpc::ServerUnaryReactor* OperatorService::GetDeletionCampaign(grpc::CallbackServerContext* context,
                                                               const v1::GetDeletionCampaignRequest* request,
                                                               v1::DeletionCampaign* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.OperatorService.GetDeletionCampaign"), request,
                     response,
                     [this, request](const Principal&) { return parts_.notices->GetDeletionCampaign(*request); });
}

grpc::ServerUnaryReactor* OperatorService::ListDeletionCampaigns(grpc::CallbackServerContext* context,
                                                                 const v1::ListDeletionCampaignsRequest* request,
                                                                 v1::ListDeletionCampaignsResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.OperatorService.ListDeletionCampaigns"), request,
                     response,
                     [this, request](const Principal&) { return parts_.notices->ListDeletionCampaigns(*request); });
}

grpc::ServerUnaryReactor* OperatorService::ListCampaignNotices(grpc::CallbackServerContext* context,
                                                               const v1::ListCampaignNoticesRequest* request,
                                                               v1::ListCampaignNoticesResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.OperatorService.ListCampaignNotices"), request,
                     response,
                     [this, request](const Principal&) { return parts_.notices->ListCampaignNotices(*request); });
}

grpc::ServerUnaryReactor* OperatorService::RecordDocumentAttestation(
    grpc::CallbackServerContext* context, const v1::RecordDocumentAttestationRequest* request,
    v1::DeletionNotice* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.OperatorService.RecordDocumentAttestation"), request,
                     response, [this, request](const Principal& caller) {
                       return parts_.attestations->RecordDocumentAttestation(caller, *request);
                     });
}

grpc::ServerUnaryReactor* OperatorService::ListDeadLetters(grpc::CallbackServerContext* context,
                                                           const v1::ListDeadLettersRequest* request,
                                                           v1::ListDeadLettersResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.OperatorService.ListDeadLetters"), request, response,
                     [this, request](const Principal&) { return parts_.dead_letters->List(*request); });
}

grpc::ServerUnaryReactor* OperatorService::ReplayDeadLetter(grpc::CallbackServerContext* context,
                                                            const v1::ReplayDeadLetterRequest* request,
                                                            v1::ReplayDeadLetterResponse* response) {
  return RunBlocking(
      parts_.gate, *context, FindRule("postern.v1.OperatorService.ReplayDeadLetter"), request, response,
      [this, request](const Principal& caller) { return parts_.dead_letters->Replay(caller, *request); });
}

grpc::ServerUnaryReactor* OperatorService::DropDeadLetter(grpc::CallbackServerContext* context,
                                                          const v1::DropDeadLetterRequest* request,
                                                          v1::DropDeadLetterResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.OperatorService.DropDeadLetter"), request, response,
                     [this, request](const Principal& caller) { return parts_.dead_letters->Drop(caller, *request); });
}

grpc::ServerWriteReactor<v1::WatchEventsResponse>* OperatorService::WatchEvents(grpc::CallbackServerContext* context,
                                                                                const v1::WatchEventsRequest*) {
  return EventStream::Open(parts_.gate, context, parts_.events);
}

absl::StatusOr<v1::EnrolPartnerResponse> OperatorService::Enrol(const Principal& caller,
                                                                const v1::EnrolPartnerRequest& request) {
  if (parts_.enrolment == nullptr) {
    return MakeError(v1::ERROR_REASON_STATE_TRANSITION, "this gateway has no enrolment CA");
  }
  const int days = request.valid_days() == 0 ? kDefaultValidDays : request.valid_days();
  POSTERN_ASSIGN_OR_RETURN(const identity::EnrolmentCa::Enrolled enrolled,
                           parts_.enrolment()->Sign(request.certificate_request_pem(), days, parts_.gate->Now()));
  v1::PartnerIdentity identity;
  identity.set_trust_bundle_pem(enrolled.trust_bundle_pem);
  identity.set_enrolled_key_sha256(enrolled.key_digest);
  if (enrolled.spiffe) {
    identity.set_spiffe_id(enrolled.name);
  } else {
    identity.set_dns_san(enrolled.name);
  }
  v1::EnrolPartnerResponse response;
  response.set_certificate_chain_pem(enrolled.chain_pem);
  // Registered first: a certificate that nobody knows is worth nothing, an identity without a certificate is harmless.
  POSTERN_ASSIGN_OR_RETURN(*response.mutable_partner(),
                           parts_.partners->EnrolIdentity(caller.name, request.name(), identity));
  POSTERN_RETURN_IF_ERROR(parts_.partners->RecordCertificate(
      caller.name, request.name(), {enrolled.name, enrolled.serial, enrolled.digest, enrolled.not_after}));
  return response;
}

}  // namespace postern::rpc
