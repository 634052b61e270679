// Calls of methods that a listener does not have: they pass the gate like every other call, and end there. So the
// answer carries a reason, the refusal is in the audit log, and who may not call the listener learns nothing of its
// methods.
#pragma once

#include <grpcpp/generic/async_generic_service.h>

#include "server/rpc/call_gate.h"

namespace postern::rpc {

// Thread-safe; `gate` is borrowed. Callers that the gate knows hear UNIMPLEMENTED with the reason ROLE_DENIED: no role
// includes such a method. Others hear what the gate says of them.
class UnknownMethods final : public grpc::CallbackGenericService {
 public:
  explicit UnknownMethods(CallGate* gate) : gate_(gate) {}

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override;

 private:
  CallGate* const gate_;
};

}  // namespace postern::rpc
