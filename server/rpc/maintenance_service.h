// MaintenanceService: the gateway's own health and keys.
#pragma once

#include <functional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/postern/v1/maintenance_service.grpc.pb.h"
#include "server/rpc/call_gate.h"

namespace postern::rpc {

// Thread-safe; the gate is borrowed, and so is what the functions use.
class MaintenanceService final : public v1::MaintenanceService::CallbackService {
 public:
  struct Parts {
    CallGate* gate = nullptr;
    std::function<absl::StatusOr<v1::RunSelfCheckResponse>(absl::string_view principal,
                                                           const v1::RunSelfCheckRequest& request)>
        run_self_check;
    std::function<absl::StatusOr<v1::ListKeyGenerationsResponse>()> list_key_generations;
    std::function<absl::StatusOr<v1::RotateKeysResponse>(absl::string_view principal,
                                                         const v1::RotateKeysRequest& request)>
        rotate_keys;
    std::function<absl::StatusOr<v1::StartBackupResponse>(absl::string_view principal,
                                                          const v1::StartBackupRequest& request)>
        start_backup;
    std::function<absl::StatusOr<v1::GetBackupResponse>()> get_backup;
  };
  explicit MaintenanceService(Parts parts) : parts_(std::move(parts)) {}

  grpc::ServerUnaryReactor* RunSelfCheck(grpc::CallbackServerContext* context, const v1::RunSelfCheckRequest* request,
                                         v1::RunSelfCheckResponse* response) override;
  grpc::ServerUnaryReactor* ListKeyGenerations(grpc::CallbackServerContext* context,
                                               const v1::ListKeyGenerationsRequest* request,
                                               v1::ListKeyGenerationsResponse* response) override;
  grpc::ServerUnaryReactor* RotateKeys(grpc::CallbackServerContext* context, const v1::RotateKeysRequest* request,
                                       v1::RotateKeysResponse* response) override;
  grpc::ServerUnaryReactor* StartBackup(grpc::CallbackServerContext* context, const v1::StartBackupRequest* request,
                                        v1::StartBackupResponse* response) override;
  grpc::ServerUnaryReactor* GetBackup(grpc::CallbackServerContext* context, const v1::GetBackupRequest* request,
                                      v1::GetBackupResponse* response) override;

 private:
  const Parts parts_;
};

}  // namespace postern::rpc
