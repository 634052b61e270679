#include "server/disclosure/audit_entry.h"

#include "proto/errors/error.h"
#include "server/audit/leaf.h"
#include "server/registry/times.h"

namespace postern::disclosure {

v1::AuditEntry MakeEntry(v1::AuditEntry::Kind kind, absl::Time time, absl::string_view principal,
                         absl::string_view resource) {
  v1::AuditEntry entry;
  entry.set_kind(kind);
  registry::SetTime(time, entry.mutable_time());
  entry.set_principal(std::string(principal));
  entry.set_resource(std::string(resource));
  return entry;
}

absl::StatusOr<std::string> PublicLeaf(const v1::AuditEntry& entry) {
  POSTERN_ASSIGN_OR_RETURN(const crypto::SecretBytes salt, audit::NewCommitmentSalt());
  POSTERN_ASSIGN_OR_RETURN(const crypto::Sha256Digest commitment, audit::CommitToPrivatePart(salt, ""));
  return audit::EncodeLeaf(entry.SerializeAsString(), commitment);
}

absl::StatusOr<std::string> SettlementLeaf(absl::Time time, absl::string_view principal, absl::string_view disclosure,
                                           v1::DisclosureState state, v1::ErrorReason reason) {
  v1::AuditEntry entry = MakeEntry(v1::AuditEntry::KIND_SETTLEMENT, time, principal, disclosure);
  entry.set_reason(ReasonName(reason));
  (*entry.mutable_details())["state"] = v1::DisclosureState_Name(state);
  return PublicLeaf(entry);
}

std::string ReasonName(v1::ErrorReason reason) {
  return reason == v1::ERROR_REASON_UNSPECIFIED ? std::string() : v1::ErrorReason_Name(reason);
}

}  // namespace postern::disclosure
