#include "server/registry/audit_entry.h"

#include <string>
#include <vector>

#include "proto/errors/error.h"
#include "server/audit/leaf.h"
#include "server/registry/times.h"

namespace postern::registry {

absl::Status AppendLeaf(std::vector<std::string>* leaves, v1::AuditEntry::Kind kind, const Act& act,
                        absl::string_view what, Details details, absl::string_view reason) {
  v1::AuditEntry entry;
  entry.set_kind(kind);
  SetTime(act.time, entry.mutable_time());
  entry.set_principal(std::string(act.principal));
  entry.set_resource(std::string(act.resource));
  entry.set_reason(std::string(reason));
  (*entry.mutable_details())["action"] = std::string(what);
  for (const auto& [key, value] : details) (*entry.mutable_details())[std::string(key)] = std::string(value);
  POSTERN_ASSIGN_OR_RETURN(const crypto::SecretBytes salt, audit::NewCommitmentSalt());
  POSTERN_ASSIGN_OR_RETURN(const crypto::Sha256Digest commitment, audit::CommitToPrivatePart(salt, ""));
  leaves->push_back(audit::EncodeLeaf(entry.SerializeAsString(), commitment));
  return absl::OkStatus();
}

}  // namespace postern::registry
