// Unary calls: enter the gate, do the work, reply. The work is either asynchronous (a method finishes the UnaryCall
// that it got from Enter) or blocks and runs in the listener's pool (RunBlocking).
#pragma once

#include <grpcpp/support/server_callback.h>

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "proto/errors/error.h"
#include "server/rpc/call_gate.h"
#include "server/rpc/status.h"

namespace postern::rpc {

// One call under way; owned by gRPC and deleted when it is done, which is after End.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  // The call, entered or already ended with the gate's refusal: return it to gRPC either way.
  static UnaryCall* Enter(CallGate* gate, const grpc::CallbackServerContext& context,
                          const identity::MethodRule* rule) {
    auto* call = new UnaryCall();
    absl::StatusOr<Admitted> admitted = gate->Enter(context, rule);
    if (admitted.ok()) {
      call->admitted_ = *std::move(admitted);
      call->entered_ = true;
    } else {
      call->End(admitted.status());
    }
    return call;
  }

  bool entered() const { return entered_; }
  // Of an entered call.
  const identity::Principal& principal() const { return admitted_.principal(); }
  // The reply: once, from any thread. The call must not be touched afterwards.
  void End(const absl::Status& status) { Finish(ToGrpcStatus(status)); }

  // Work under way is carried to its end: a disclosure that was begun is committed, or not, whoever still listens.
  void OnCancel() override {}
  void OnDone() override { delete this; }
  // Both reactions may run wherever gRPC notices the end, instead of on a thread that has to be woken for them.
  bool InternalInlineable() override { return true; }

 private:
  UnaryCall() = default;

  Admitted admitted_;
  bool entered_ = false;
};

// What a request is about, for the audit log: its "name" or "parent", or nothing.
std::string ResourceOf(const google::protobuf::Message& request);

// Runs `work`, (const identity::Principal&) -> absl::StatusOr<Response>, in the gate's pool, after auditing the call if
// the rule says so.
template <class Request, class Response, class Work>
grpc::ServerUnaryReactor* RunBlocking(CallGate* gate, const grpc::CallbackServerContext& context,
                                      const identity::MethodRule* rule, const Request* request, Response* response,
                                      Work work) {
  UnaryCall* call = UnaryCall::Enter(gate, context, rule);
  if (!call->entered()) return call;
  const bool taken = gate->pool()->Run([gate, rule, request, response, call, work = std::move(work)] {
    if (rule->read) {
      const absl::Status audited = gate->AuditRead(call->principal(), *rule, ResourceOf(*request));
      if (!audited.ok()) return call->End(audited);
    }
    absl::StatusOr<Response> result = work(call->principal());
    if (result.ok()) *response = *std::move(result);
    call->End(result.status());
  });
  if (!taken) call->End(MakeError(v1::ERROR_REASON_OVERLOADED, "too many calls wait on this listener"));
  return call;
}

}  // namespace postern::rpc
