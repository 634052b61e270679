// Authenticate: the first step of every call on a listener. Who calls, may it, is there room; and what is refused is
// counted and audited.
#pragma once

#include <grpcpp/server_context.h>

#include <atomic>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/disclosure/refusal_recorder.h"
#include "server/identity/principal_resolver.h"
#include "server/identity/role_table.h"
#include "server/rpc/admission.h"
#include "server/rpc/call_observer.h"
#include "server/rpc/call_rate.h"
#include "server/rpc/connection_table.h"
#include "server/rpc/live_streams.h"
#include "server/rpc/work_pool.h"
#include "server/storage/store.h"

namespace postern::rpc {

// A call that was let in. Ends with its destruction.
struct Admitted {
  identity::Caller caller;
  Admission::Ticket ticket;

  const identity::Principal& principal() const { return *caller.principal; }
};

// One for each listener. Thread-safe; the parts are borrowed.
class CallGate {
 public:
  struct Parts {
    identity::Listener listener = identity::Listener::kShop;
    identity::PrincipalResolver* resolver = nullptr;
    disclosure::RefusalRecorder* refusals = nullptr;
    storage::Store* store = nullptr;
    CallObserver* observer = nullptr;
    ConnectionTable* connections = nullptr;  // the listener's
    WorkPool* pool = nullptr;
    std::function<absl::Time()> clock;
    // Told of every authenticated call of a partner: its name, the digest of its certificate, its peer. Must not block. May be null.
    std::function<void(absl::string_view partner, absl::string_view certificate_digest, absl::string_view peer)>
        on_partner;
  };
  struct Limits {
    Admission::Limits in_flight;
    // Of one partner, about its standing and its notices: what even a terminated one may call.
    int partner_calls_per_second = 50;
  };
  CallGate(Parts parts, const Limits& limits)
      : parts_(std::move(parts)), admission_(limits.in_flight), partner_rate_(limits.partner_calls_per_second) {}

  // UNAUTHENTICATED, IDENTITY_AMBIGUOUS, CREDENTIAL_EXPIRED, ROLE_DENIED, PARTNER_*, OVERLOADED, DRAINING. Does not
  // block.
  absl::StatusOr<Admitted> Enter(const grpc::CallbackServerContext& context, const identity::MethodRule* rule);

  // Enters a read in the audit log; without it nothing is answered (P1.3c). Blocks. `resource` is left out unless it
  // has the form of a resource name: callers write it, and the log is for ever.
  absl::Status AuditRead(const identity::Principal& principal, const identity::MethodRule& rule,
                         absl::string_view resource);

  // New calls are refused with DRAINING; streams are asked to end.
  void Drain();

  WorkPool* pool() const { return parts_.pool; }
  CallObserver* observer() const { return parts_.observer; }
  LiveStreams* streams() { return &streams_; }
  absl::Time Now() const { return parts_.clock(); }

 private:
  absl::StatusOr<Admitted> Judge(const grpc::CallbackServerContext& context, const identity::MethodRule* rule,
                                 std::string* principal);

  const Parts parts_;
  Admission admission_;
  CallRate partner_rate_;
  LiveStreams streams_;
  std::atomic<bool> draining_{false};
};

}  // namespace postern::rpc
