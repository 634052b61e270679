// InvestigationService: complaints and what follows, for the shop and for operators.
#pragma once

#include "proto/postern/v1/investigation_service.grpc.pb.h"
#include "server/rights/evidence.h"
#include "server/rights/investigation_desk.h"
#include "server/rpc/call_gate.h"

namespace postern::rpc {

// Thread-safe; the parts are borrowed. One for each listener that offers it.
class InvestigationService final : public v1::InvestigationService::CallbackService {
 public:
  InvestigationService(CallGate* gate, rights::InvestigationDesk* desk, rights::EvidenceReader* evidence)
      : gate_(gate), desk_(desk), evidence_(evidence) {}

  grpc::ServerUnaryReactor* CreateInvestigation(grpc::CallbackServerContext* context,
                                                const v1::CreateInvestigationRequest* request,
                                                v1::Investigation* response) override;
  grpc::ServerUnaryReactor* GetInvestigation(grpc::CallbackServerContext* context,
                                             const v1::GetInvestigationRequest* request,
                                             v1::Investigation* response) override;
  grpc::ServerUnaryReactor* ListInvestigations(grpc::CallbackServerContext* context,
                                               const v1::ListInvestigationsRequest* request,
                                               v1::ListInvestigationsResponse* response) override;
  grpc::ServerUnaryReactor* BeginInvestigation(grpc::CallbackServerContext* context,
                                               const v1::BeginInvestigationRequest* request,
                                               v1::Investigation* response) override;
  grpc::ServerUnaryReactor* FreezeForInvestigation(grpc::CallbackServerContext* context,
                                                   const v1::FreezeForInvestigationRequest* request,
                                                   v1::Investigation* response) override;
  grpc::ServerUnaryReactor* LiftFreezes(grpc::CallbackServerContext* context, const v1::LiftFreezesRequest* request,
                                        v1::Investigation* response) override;
  grpc::ServerUnaryReactor* ExportEvidence(grpc::CallbackServerContext* context,
                                           const v1::ExportEvidenceRequest* request,
                                           v1::ExportEvidenceResponse* response) override;
  grpc::ServerUnaryReactor* ResolveInvestigation(grpc::CallbackServerContext* context,
                                                 const v1::ResolveInvestigationRequest* request,
                                                 v1::Investigation* response) override;

 private:
  CallGate* const gate_;
  rights::InvestigationDesk* const desk_;
  rights::EvidenceReader* const evidence_;
};

}  // namespace postern::rpc
