// SubjectRightsService: what people ask, through the shop's backend or an operator.
#pragma once

#include "proto/postern/v1/subject_rights_service.grpc.pb.h"
#include "server/rights/access_report.h"
#include "server/rights/erasure.h"
#include "server/rights/rectifier.h"
#include "server/rights/request_desk.h"
#include "server/rights/subject_desk.h"
#include "server/rpc/call_gate.h"

namespace postern::rpc {

// Thread-safe; the parts are borrowed. One for each listener that offers it.
class SubjectRightsService final : public v1::SubjectRightsService::CallbackService {
 public:
  struct Parts {
    CallGate* gate = nullptr;
    rights::SubjectDesk* subjects = nullptr;
    rights::RequestDesk* requests = nullptr;
    rights::Eraser* eraser = nullptr;
    rights::AccessReporter* reports = nullptr;
    rights::Rectifier* rectifier = nullptr;
  };
  explicit SubjectRightsService(const Parts& parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* DescribeSubject(grpc::CallbackServerContext* context,
                                            const v1::DescribeSubjectRequest* request, v1::Subject* response) override;
  grpc::ServerUnaryReactor* SetConsent(grpc::CallbackServerContext* context, const v1::SetConsentRequest* request,
                                       v1::SetConsentResponse* response) override;
  grpc::ServerUnaryReactor* SetRestriction(grpc::CallbackServerContext* context,
                                           const v1::SetRestrictionRequest* request,
                                           v1::SetRestrictionResponse* response) override;
  grpc::ServerUnaryReactor* LiftSuppression(grpc::CallbackServerContext* context,
                                            const v1::LiftSuppressionRequest* request, v1::Subject* response) override;
  grpc::ServerUnaryReactor* SetGuardian(grpc::CallbackServerContext* context, const v1::SetGuardianRequest* request,
                                        v1::Subject* response) override;
  grpc::ServerUnaryReactor* PlaceLegalHold(grpc::CallbackServerContext* context,
                                           const v1::PlaceLegalHoldRequest* request, v1::Subject* response) override;
  grpc::ServerUnaryReactor* ReleaseLegalHold(grpc::CallbackServerContext* context,
                                             const v1::ReleaseLegalHoldRequest* request,
                                             v1::Subject* response) override;
  grpc::ServerUnaryReactor* RectifyRecord(grpc::CallbackServerContext* context, const v1::RectifyRecordRequest* request,
                                          v1::RectifyRecordResponse* response) override;
  grpc::ServerUnaryReactor* CreateSubjectRequest(grpc::CallbackServerContext* context,
                                                 const v1::CreateSubjectRequestRequest* request,
                                                 v1::SubjectRequest* response) override;
  grpc::ServerUnaryReactor* GetSubjectRequest(grpc::CallbackServerContext* context,
                                              const v1::GetSubjectRequestRequest* request,
                                              v1::SubjectRequest* response) override;
  grpc::ServerUnaryReactor* ListSubjectRequests(grpc::CallbackServerContext* context,
                                                const v1::ListSubjectRequestsRequest* request,
                                                v1::ListSubjectRequestsResponse* response) override;
  grpc::ServerUnaryReactor* VerifySubjectRequest(grpc::CallbackServerContext* context,
                                                 const v1::VerifySubjectRequestRequest* request,
                                                 v1::SubjectRequest* response) override;
  grpc::ServerUnaryReactor* RunSubjectRequest(grpc::CallbackServerContext* context,
                                              const v1::RunSubjectRequestRequest* request,
                                              v1::SubjectRequest* response) override;
  grpc::ServerUnaryReactor* DenySubjectRequest(grpc::CallbackServerContext* context,
                                               const v1::DenySubjectRequestRequest* request,
                                               v1::SubjectRequest* response) override;
  grpc::ServerUnaryReactor* CancelSubjectRequest(grpc::CallbackServerContext* context,
                                                 const v1::CancelSubjectRequestRequest* request,
                                                 v1::SubjectRequest* response) override;
  grpc::ServerUnaryReactor* GetAccessReport(grpc::CallbackServerContext* context,
                                            const v1::GetAccessReportRequest* request,
                                            v1::GetAccessReportResponse* response) override;
  grpc::ServerUnaryReactor* GetErasureCertificate(grpc::CallbackServerContext* context,
                                                  const v1::GetErasureCertificateRequest* request,
                                                  v1::GetErasureCertificateResponse* response) override;

 private:
  const Parts parts_;
};

}  // namespace postern::rpc
