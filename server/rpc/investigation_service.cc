#include "server/rpc/investigation_service.h"

#include "server/rpc/unary_call.h"

namespace postern::rpc {

using identity::FindRule;
using identity::Principal;

grpc::ServerUnaryReactor* InvestigationService::CreateInvestigation(grpc::CallbackServerContext* context,
                                                                    const v1::CreateInvestigationRequest* request,
                                                                    v1::Investigation* response) {
  return RunBlocking(gate_, *context, FindRule("postern.v1.InvestigationService.CreateInvestigation"), request,
                     response, [this, request](const Principal& caller) { return desk_->Create(caller, *request); });
}

grpc::ServerUnaryReactor* InvestigationService::GetInvestigation(grpc::CallbackServerContext* context,
                                                                 const v1::GetInvestigationRequest* request,
                                                                 v1::Investigation* response) {
  return RunBlocking(gate_, *context, FindRule("postern.v1.InvestigationService.GetInvestigation"), request, response,
                     [this, request](const Principal& caller) { return desk_->Get(caller, *request); });
}

grpc::ServerUnaryReactor* InvestigationService::ListInvestigations(grpc::CallbackServerContext* context,
                                                                   const v1::ListInvestigationsRequest* request,
                                                                   v1::ListInvestigationsResponse* response) {
  return RunBlocking(gate_, *context, FindRule("postern.v1.InvestigationService.ListInvestigations"), request, response,
                     [this, request](const Principal&) { return desk_->List(*request); });
}

grpc::ServerUnaryReactor* InvestigationService::BeginInvestigation(grpc::CallbackServerContext* context,
                                                                   const v1::BeginInvestigationRequest* request,
                                                                   v1::Investigation* response) {
  return RunBlocking(gate_, *context, FindRule("postern.v1.InvestigationService.BeginInvestigation"), request, response,
                     [this, request](const Principal& caller) { return desk_->Begin(caller, *request); });
}

grpc::ServerUnaryReactor* InvestigationService::FreezeForInvestigation(grpc::CallbackServerContext* context,
                                                                       const v1::FreezeForInvestigationRequest* request,
                                                                       v1::Investigation* response) {
  return RunBlocking(gate_, *context, FindRule("postern.v1.InvestigationService.FreezeForInvestigation"), request,
                     response, [this, request](const Principal& caller) { return desk_->Freeze(caller, *request); });
}

grpc::ServerUnaryReactor* InvestigationService::LiftFreezes(grpc::CallbackServerContext* context,
                                                            const v1::LiftFreezesRequest* request,
                                                            v1::Investigation* response) {
  return RunBlocking(gate_, *context, FindRule("postern.v1.InvestigationService.LiftFreezes"), request, response,
                     [this, request](const Principal& caller) { return desk_->Lift(caller, *request); });
}

grpc::ServerUnaryReactor* InvestigationService::ExportEvidence(grpc::CallbackServerContext* context,
                                                               const v1::ExportEvidenceRequest* request,
                                                               v1::ExportEvidenceResponse* response) {
  return RunBlocking(gate_, *context, FindRule("postern.v1.InvestigationService.ExportEvidence"), request, response,
                     [this, request](const Principal& caller) { return evidence_->Export(caller, *request); });
}

grpc::ServerUnaryReactor* InvestigationService::ResolveInvestigation(grpc::CallbackServerContext* context,
                                                                     const v1::ResolveInvestigationRequest* request,
                                                                     v1::Investigation* response) {
  return RunBlocking(gate_, *context, FindRule("postern.v1.InvestigationService.ResolveInvestigation"), request,
                     response, [this, request](const Principal& caller) { return desk_->Resolve(caller, *request); });
}

}  // namespace postern::rpc
