// AuditService: the log for auditors, with proofs.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "proto/postern/v1/audit_service.grpc.pb.h"
#include "server/rpc/call_gate.h"
#include "server/storage/store.h"

namespace postern::rpc {

// Thread-safe; the parts are borrowed. Proofs are for sizes up to that of the last published checkpoint: what is newer
// is durable, but nobody has signed for it yet.
class AuditService final : public v1::AuditService::CallbackService {
 public:
  struct Parts {
    CallGate* gate = nullptr;
    storage::Store* store = nullptr;
    std::string verifier_key;
  };
  explicit AuditService(Parts parts) : parts_(std::move(parts)) {}

  grpc::ServerUnaryReactor* GetCheckpoint(grpc::CallbackServerContext* context, const v1::GetCheckpointRequest* request,
                                          v1::GetCheckpointResponse* response) override;
  grpc::ServerUnaryReactor* ListEntries(grpc::CallbackServerContext* context, const v1::ListEntriesRequest* request,
                                        v1::ListEntriesResponse* response) override;
  grpc::ServerUnaryReactor* GetInclusionProof(grpc::CallbackServerContext* context,
                                              const v1::GetInclusionProofRequest* request,
                                              v1::GetInclusionProofResponse* response) override;
  grpc::ServerUnaryReactor* GetConsistencyProof(grpc::CallbackServerContext* context,
                                                const v1::GetConsistencyProofRequest* request,
                                                v1::GetConsistencyProofResponse* response) override;

 private:
  absl::StatusOr<v1::GetCheckpointResponse> Checkpoint();
  absl::StatusOr<v1::ListEntriesResponse> Entries(const v1::ListEntriesRequest& request);
  absl::StatusOr<v1::GetInclusionProofResponse> Inclusion(const v1::GetInclusionProofRequest& request);
  absl::StatusOr<v1::GetConsistencyProofResponse> Consistency(const v1::GetConsistencyProofRequest& request);
  // `asked`, or the checkpoint's size where 0. INVALID_ARGUMENT beyond the checkpoint.
  absl::StatusOr<uint64_t> TreeSize(uint64_t asked);

  const Parts parts_;
};

}  // namespace postern::rpc
