#include "server/rpc/unknown_methods.h"

#include "absl/strings/cord.h"
#include "proto/errors/error.h"
#include "server/rpc/status.h"

namespace postern::rpc {
namespace {

class Refused final : public grpc::ServerGenericBidiReactor {
 public:
  explicit Refused(const absl::Status& status) { Finish(ToGrpcStatus(status)); }
  void OnDone() override { delete this; }
};

absl::Status NoSuchMethod(const absl::Status& refused) {
  absl::Status status(absl::StatusCode::kUnimplemented, "this listener has no such method");
  refused.ForEachPayload(
      [&status](absl::string_view type, const absl::Cord& payload) { status.SetPayload(type, payload); });
  return status;
}

}  // namespace

grpc::ServerGenericBidiReactor* UnknownMethods::CreateReactor(grpc::GenericCallbackServerContext* context) {
  const absl::Status refused = gate_->Enter(*context, /*rule=*/nullptr).status();
  return new Refused(ReasonOf(refused) == v1::ERROR_REASON_ROLE_DENIED ? NoSuchMethod(refused) : refused);
}

}  // namespace postern::rpc
