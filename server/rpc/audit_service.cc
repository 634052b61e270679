#include "server/rpc/audit_service.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "server/audit/checkpoint.h"
#include "server/audit/proof.h"
#include "server/rpc/unary_call.h"

namespace postern::rpc {

using identity::FindRule;
using identity::Principal;

namespace {

constexpr int kDefaultLimit = 100;
constexpr int kMaxLimit = 1000;

absl::Status Invalid(absl::string_view field, absl::string_view message) {
  return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, message, {{"field", field}});
}

auto NodesOf(storage::Store* store) {
  return [store](uint8_t level, uint64_t index) { return store->ReadTreeHash(level, index); };
}

}  // namespace

grpc::ServerUnaryReactor* AuditService::GetCheckpoint(grpc::CallbackServerContext* context,
                                                      const v1::GetCheckpointRequest* request,
                                                      v1::GetCheckpointResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.AuditService.GetCheckpoint"), request, response,
                     [this](const Principal&) { return Checkpoint(); });
}

grpc::ServerUnaryReactor* AuditService::ListEntries(grpc::CallbackServerContext* context,
                                                    const v1::ListEntriesRequest* request,
                                                    v1::ListEntriesResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.AuditService.ListEntries"), request, response,
                     [this, request](const Principal&) { return Entries(*request); });
}

grpc::ServerUnaryReactor* AuditService::GetInclusionProof(grpc::CallbackServerContext* context,
                                                          const v1::GetInclusionProofRequest* request,
                                                          v1::GetInclusionProofResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.AuditService.GetInclusionProof"), request, response,
                     [this, request](const Principal&) { return Inclusion(*request); });
}

grpc::ServerUnaryReactor* AuditService::GetConsistencyProof(grpc::CallbackServerContext* context,
                                                            const v1::GetConsistencyProofRequest* request,
                                                            v1::GetConsistencyProofResponse* response) {
  return RunBlocking(parts_.gate, *context, FindRule("postern.v1.AuditService.GetConsistencyProof"), request, response,
                     [this, request](const Principal&) { return Consistency(*request); });
}

absl::StatusOr<v1::GetCheckpointResponse> AuditService::Checkpoint() {
  v1::GetCheckpointResponse response;
  POSTERN_ASSIGN_OR_RETURN(*response.mutable_checkpoint(), parts_.store->ReadCheckpoint());
  if (response.checkpoint().empty()) {
    return MakeError(v1::ERROR_REASON_NOT_FOUND, "no checkpoint has been published yet");
  }
  response.set_verifier_key(parts_.verifier_key);
  return response;
}

absl::StatusOr<v1::ListEntriesResponse> AuditService::Entries(const v1::ListEntriesRequest& request) {
  const int limit = request.limit() == 0 ? kDefaultLimit : request.limit();
  if (limit < 1 || limit > kMaxLimit) return Invalid("limit", absl::StrCat("limit must be 1 to ", kMaxLimit));
  POSTERN_ASSIGN_OR_RETURN(std::vector<std::string> leaves, parts_.store->ReadLeaves(request.start(), limit));
  v1::ListEntriesResponse response;
  for (std::string& leaf : leaves) response.add_leaves(std::move(leaf));
  return response;
}

absl::StatusOr<v1::GetInclusionProofResponse> AuditService::Inclusion(const v1::GetInclusionProofRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(const uint64_t size, TreeSize(request.tree_size()));
  if (request.leaf_index() >= size) return Invalid("leaf_index", "the leaf is not in a tree of that size");
  POSTERN_ASSIGN_OR_RETURN(const auto path, audit::InclusionProof(request.leaf_index(), size, NodesOf(parts_.store)));
  POSTERN_ASSIGN_OR_RETURN(const storage::Hash32 leaf, parts_.store->ReadTreeHash(0, request.leaf_index()));
  v1::GetInclusionProofResponse response;
  for (const crypto::Sha256Digest& node : path) response.add_path(std::string(crypto::AsBytes(node)));
  response.set_tree_size(size);
  response.set_leaf_hash(std::string(crypto::AsBytes(leaf)));
  return response;
}

absl::StatusOr<v1::GetConsistencyProofResponse> AuditService::Consistency(
    const v1::GetConsistencyProofRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(const uint64_t size, TreeSize(request.to_size()));
  if (request.from_size() < 1 || request.from_size() > size) {
    return Invalid("from_size", "from_size must be 1 to to_size");
  }
  POSTERN_ASSIGN_OR_RETURN(const auto path, audit::ConsistencyProof(request.from_size(), size, NodesOf(parts_.store)));
  v1::GetConsistencyProofResponse response;
  for (const crypto::Sha256Digest& node : path) response.add_path(std::string(crypto::AsBytes(node)));
  response.set_to_size(size);
  return response;
}

absl::StatusOr<uint64_t> AuditService::TreeSize(uint64_t asked) {
  POSTERN_ASSIGN_OR_RETURN(const std::string note, parts_.store->ReadCheckpoint());
  POSTERN_ASSIGN_OR_RETURN(const audit::Checkpoint checkpoint, audit::OpenCheckpoint(note, parts_.verifier_key));
  if (asked > checkpoint.size) return Invalid("tree_size", "no checkpoint of that size has been published yet");
  return asked == 0 ? checkpoint.size : asked;
}

}  // namespace postern::rpc
