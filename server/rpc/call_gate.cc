#include "server/rpc/call_gate.h"

#include <grpc/grpc_security_constants.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "proto/errors/error.h"
#include "proto/postern/v1/audit.pb.h"
#include "server/base/failpoint.h"
#include "server/registry/audit_entry.h"

namespace postern::rpc {
namespace {

absl::string_view Property(const grpc::AuthContext& context, const char* name) {
  const auto values = context.FindPropertyValues(name);
  return values.empty() ? absl::string_view() : absl::string_view(values.front().data(), values.front().size());
}

// Whose connection it is: a partner's, whatever identity it used, or the principal's.
const std::string& OwnerOf(const identity::Principal& principal) {
  return principal.partner.empty() ? principal.name : principal.partner;
}

bool IsResourceName(absl::string_view text) {
  if (text.empty() || text.size() > 256) return false;
  for (const char c : text) {
    if (!absl::ascii_isalnum(c) && c != '-' && c != '/') return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<Admitted> CallGate::Enter(const grpc::CallbackServerContext& context, const identity::MethodRule* rule) {
  std::string principal;
  absl::StatusOr<Admitted> admitted = Judge(context, rule, &principal);
  if (!admitted.ok()) {
    const v1::ErrorReason reason = ReasonOf(admitted.status());
    parts_.observer->OnRefusedCall(reason);
    parts_.refusals->Record(principal, rule == nullptr ? absl::string_view() : rule->method, reason);
  }
  return admitted;
}

absl::StatusOr<Admitted> CallGate::Judge(const grpc::CallbackServerContext& context, const identity::MethodRule* rule,
                                         std::string* principal) {
  if (draining_.load(std::memory_order_relaxed)) {
    return MakeError(v1::ERROR_REASON_DRAINING, "the gateway is shutting down");
  }
  Admitted out;
  const auto auth = context.auth_context();
  const identity::PeerCertificates certificates{Property(*auth, GRPC_X509_PEM_CERT_PROPERTY_NAME),
                                                Property(*auth, GRPC_X509_PEM_CERT_CHAIN_PROPERTY_NAME)};
  POSTERN_ASSIGN_OR_RETURN(out.caller, parts_.resolver->Resolve(parts_.listener, certificates, parts_.clock()));
  *principal = out.principal().name;
  std::string peer = context.peer();
  if (parts_.connections != nullptr) {
    // Once more after the claim: an identity that was removed in between is gone for this call too, and one that is
    // removed later finds the connection claimed and aborts it.
    std::string claimed;
    do {
      claimed = OwnerOf(out.principal());
      if (!parts_.connections->Claim(peer, claimed)) {
        return MakeError(v1::ERROR_REASON_OVERLOADED, "the caller has too many connections");
      }
      POSTERN_ASSIGN_OR_RETURN(out.caller, parts_.resolver->Resolve(parts_.listener, certificates, parts_.clock()));
    } while (OwnerOf(out.principal()) != claimed);
  }
  POSTERN_RETURN_IF_ERROR(identity::Authorise(out.principal(), parts_.listener, rule, out.caller.partner_state));
  if (parts_.on_partner != nullptr && !out.principal().partner.empty()) {
    parts_.on_partner(out.principal().partner, out.principal().certificate_digest, peer);
  }
  if (rule->after_termination) POSTERN_RETURN_IF_ERROR(partner_rate_.Take(out.principal().name, parts_.clock()));
  POSTERN_ASSIGN_OR_RETURN(out.ticket, admission_.Admit(std::move(peer), out.principal().name));
  return out;
}

absl::Status CallGate::AuditRead(const identity::Principal& principal, const identity::MethodRule& rule,
                                 absl::string_view resource) {
  if (base::FailpointSkips("audit_read.skip")) return absl::OkStatus();
  std::vector<std::string> leaves;
  const registry::Act act{parts_.clock(), principal.name, IsResourceName(resource) ? resource : absl::string_view()};
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&leaves, v1::AuditEntry::KIND_READ, act, rule.method));
  return parts_.store->AppendAudit(leaves).status();
}

void CallGate::Drain() {
  draining_.store(true, std::memory_order_relaxed);
  streams_.EndAll();
}

}  // namespace postern::rpc
