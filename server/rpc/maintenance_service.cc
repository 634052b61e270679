#include "server/rpc/maintenance_service.h"

#include "server/rpc/unary_call.h"

namespace postern::rpc {

using identity::FindRule;
using identity::Principal;

grpc::ServerUnaryReactor* MaintenanceService::RunSelfCheck(grpc::CallbackServerContext* context,
                                                           const v1::RunSelfCheckRequest* request,
                                                           v1::RunSelfCheckResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.MaintenanceService.RunSelfCheck"), request, response,
                     [this, request](const Principal& caller) { return parts_.run_self_check(caller.name, *request); });
}

grpc::ServerUnaryReactor* MaintenanceService::ListKeyGenerations(grpc::CallbackServerContext* context,
                                                                 const v1::ListKeyGenerationsRequest* request,
                                                                 v1::ListKeyGenerationsResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.MaintenanceService.ListKeyGenerations"), request,
                     response, [this](const Principal&) { return parts_.list_key_generations(); });
}

grpc::ServerUnaryReactor* MaintenanceService::RotateKeys(grpc::CallbackServerContext* context,
                                                         const v1::RotateKeysRequest* request,
                                                         v1::RotateKeysResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.MaintenanceService.RotateKeys"), request, response,
                     [this, request](const Principal& caller) { return parts_.rotate_keys(caller.name, *request); });
}

grpc::ServerUnaryReactor* MaintenanceService::StartBackup(grpc::CallbackServerContext* context,
                                                          const v1::StartBackupRequest* request,
                                                          v1::StartBackupResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.MaintenanceService.StartBackup"), request, response,
                     [this, request](const Principal& caller) { return parts_.start_backup(caller.name, *request); });
}

grpc::ServerUnaryReactor* MaintenanceService::GetBackup(grpc::CallbackServerContext* context,
                                                        const v1::GetBackupRequest* request,
                                                        v1::GetBackupResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.MaintenanceService.GetBackup"), request, response,
                     [this](const Principal&) { return parts_.get_backup(); });
}

}  // namespace postern::rpc
