#include "server/rpc/disclosure_metrics.h"

#include "proto/errors/error.h"
#include "proto/errors/rpc_status.h"

namespace postern::rpc {
namespace {

void Observe(CallObserver* observer, const google::protobuf::RepeatedPtrField<v1::TargetResult>& results) {
  for (const v1::TargetResult& result : results) {
    observer->OnDisclosure(result.has_error() ? ReasonIn(result.error()) : v1::ERROR_REASON_UNSPECIFIED);
  }
}

}  // namespace

v1::ErrorReason ReasonIn(const google::rpc::Status& status) {
  return ReasonOf(FromRpcStatus(status));
}

void Observe(CallObserver* observer, const v1::CreateDisclosureResponse& response) {
  Observe(observer, response.results());
}

void Observe(CallObserver* observer, const v1::DisclosureAnswer& answer) {
  if (answer.status().code() != 0) {
    observer->OnDisclosure(ReasonIn(answer.status()));
  } else {
    Observe(observer, answer.results());
  }
}

}  // namespace postern::rpc
