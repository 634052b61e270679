#include "server/rpc/subject_rights_service.h"

#include "server/rpc/unary_call.h"

namespace postern::rpc {

using identity::FindRule;
using identity::Principal;

grpc::ServerUnaryReactor* SubjectRightsService::DescribeSubject(grpc::CallbackServerContext* context,
                                                                const v1::DescribeSubjectRequest* request,
                                                                v1::Subject* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.SubjectRightsService.DescribeSubject"), request,
                     response, [this, request](const Principal&) { return parts_.subjects->Describe(*request); });
}

grpc::ServerUnaryReactor* SubjectRightsService::SetConsent(grpc::CallbackServerContext* context,
                                                           const v1::SetConsentRequest* request,
                                                           v1::SetConsentResponse* response) {
  return RunBlocking(
      parts_.gate, *context, FindRule("postern.v1.SubjectRightsService.SetConsent"), request, response,
      [this, request](const Principal& caller) { return parts_.subjects->SetConsent(caller, *request); });
}

grpc::ServerUnaryReactor* SubjectRightsService::SetRestriction(grpc::CallbackServerContext* context,
                                                               const v1::SetRestrictionRequest* request,
                                                               v1::SetRestrictionResponse* response) {
  return RunBlocking(
      parts_.gate, *context, FindRule("postern.v1.SubjectRightsService.SetRestriction"), request, response,
      [this, request](const Principal& caller) { return parts_.subjects->SetRestriction(caller, *request); });
}

grpc::ServerUnaryReactor* SubjectRightsService::LiftSuppression(grpc::CallbackServerContext* context,
                                                                const v1::LiftSuppressionRequest* request,
                                                                v1::Subject* response) {
  return RunBlocking(
      parts_.gate, *context, FindRule("postern.v1.SubjectRightsService.LiftSuppression"), request, response,
      [this, request](const Principal& caller) { return parts_.subjects->LiftSuppression(caller, *request); });
}

grpc::ServerUnaryReactor* SubjectRightsService::SetGuardian(grpc::CallbackServerContext* context,
                                                            const v1::SetGuardianRequest* request,
                                                            v1::Subject* response) {
  return RunBlocking(
      parts_.gate, *context, FindRule("postern.v1.SubjectRightsService.SetGuardian"), request, response,
      [this, request](const Principal& caller) { return parts_.subjects->SetGuardian(caller, *request); });
}

grpc::ServerUnaryReactor* SubjectRightsService::PlaceLegalHold(grpc::CallbackServerContext* context,
                                                               const v1::PlaceLegalHoldRequest* request,
                                                               v1::Subject* response) {
  return RunBlocking(
      parts_.gate, *context, FindRule("postern.v1.SubjectRightsService.PlaceLegalHold"), request, response,
      [this, request](const Principal& caller) { return parts_.subjects->PlaceLegalHold(caller, *request); });
}

grpc::ServerUnaryReactor* SubjectRightsService::ReleaseLegalHold(grpc::CallbackServerContext* context,
                                                                 const v1::ReleaseLegalHoldRequest* request,
                                                                 v1::Subject* response) {
  return RunBlocking(
      parts_.gate, *context, FindRule("postern.v1.SubjectRightsService.ReleaseLegalHold"), request, response,
      [this, request](const Principal& caller) { return parts_.subjects->ReleaseLegalHold(caller, *request); });
}

grpc::ServerUnaryReactor* SubjectRightsService::RectifyRecord(grpc::CallbackServerContext* context,
                                                              const v1::RectifyRecordRequest* request,
                                                              v1::RectifyRecordResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.SubjectRightsService.RectifyRecord"), request,
                     response,
                     [this, request](const Principal& caller) { return parts_.rectifier->Rectify(caller, *request); });
}

grpc::ServerUnaryReactor* SubjectRightsService::CreateSubjectRequest(grpc::CallbackServerContext* context,
                                                                     const v1::CreateSubjectRequestRequest* request,
                                                                     v1::SubjectRequest* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.SubjectRightsService.CreateSubjectRequest"), request,
                     response,
                     [this, request](const Principal& caller) { return parts_.requests->Create(caller, *request); });
}

grpc::ServerUnaryReactor* SubjectRightsService::GetSubjectRequest(grpc::CallbackServerContext* context,
                                                                  const v1::GetSubjectRequestRequest* request,
                                                                  v1::SubjectRequest* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.SubjectRightsService.GetSubjectRequest"), request,
                     response, [this, request](const Principal&) { return parts_.requests->Get(*request); });
}

grpc::ServerUnaryReactor* SubjectRightsService::ListSubjectRequests(grpc::CallbackServerContext* context,
                                                                    const v1::ListSubjectRequestsRequest* request,
                                                                    v1::ListSubjectRequestsResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.SubjectRightsService.ListSubjectRequests"), request,
                     response, [this, request](const Principal&) { return parts_.requests->List(*request); });
}

grpc::ServerUnaryReactor* SubjectRightsService::VerifySubjectRequest(grpc::CallbackServerContext* context,
                                                                     const v1::VerifySubjectRequestRequest* request,
                                                                     v1::SubjectRequest* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.SubjectRightsService.VerifySubjectRequest"), request,
                     response,
                     [this, request](const Principal& caller) { return parts_.requests->Verify(caller, *request); });
}

grpc::ServerUnaryReactor* SubjectRightsService::RunSubjectRequest(grpc::CallbackServerContext* context,
                                                                  const v1::RunSubjectRequestRequest* request,
                                                                  v1::SubjectRequest* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.SubjectRightsService.RunSubjectRequest"), request,
                     response,
                     [this, request](const Principal& caller) { return parts_.requests->Run(caller, *request); });
}

grpc::ServerUnaryReactor* SubjectRightsService::DenySubjectRequest(grpc::CallbackServerContext* context,
                                                                   const v1::DenySubjectRequestRequest* request,
                                                                   v1::SubjectRequest* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.SubjectRightsService.DenySubjectRequest"), request,
                     response,
                     [this, request](const Principal& caller) { return parts_.requests->Deny(caller, *request); });
}

grpc::ServerUnaryReactor* SubjectRightsService::CancelSubjectRequest(grpc::CallbackServerContext* context,
                                                                     const v1::CancelSubjectRequestRequest* request,
                                                                     v1::SubjectRequest* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.SubjectRightsService.CancelSubjectRequest"), request,
                     response,
                     [this, request](const Principal& caller) { return parts_.requests->Cancel(caller, *request); });
}

grpc::ServerUnaryReactor* SubjectRightsService::GetAccessReport(grpc::CallbackServerContext* context,
                                                                const v1::GetAccessReportRequest* request,
                                                                v1::GetAccessReportResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.SubjectRightsService.GetAccessReport"), request,
                     response,
                     [this, request](const Principal& caller) { return parts_.reports->Report(caller, *request); });
}

grpc::ServerUnaryReactor* SubjectRightsService::GetErasureCertificate(grpc::CallbackServerContext* context,
                                                                      const v1::GetErasureCertificateRequest* request,
                                                                      v1::GetErasureCertificateResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.SubjectRightsService.GetErasureCertificate"), request,
                     response, [this, request](const Principal&) { return parts_.eraser->Certificate(*request); });
}

}  // namespace postern::rpc
