#include "client/conformance/push_courier.h"

#include <utility>

#include <grpcpp/client_context.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/transport/request_id.h"
#include "client/transport/status.h"
#include "proto/errors/error.h"

namespace postern::client::conformance {
namespace {

std::unique_ptr<grpc::ClientContext> Deadline(absl::Duration patience) {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(absl::ToChronoTime(absl::Now() + patience));
  return context;
}

v1::DeliverRequest RequestFor(const std::string& partner, std::vector<v1::DeliveredRecord> records) {
  v1::DeliverRequest request;
  request.set_partner(partner);
  uint64_t delivery = 1;
  for (v1::DeliveredRecord& record : records) {
    record.set_delivery(delivery++);
    *request.add_records() = std::move(record);
  }
  return request;
}

}  // namespace

absl::Status PushCourier::Open(absl::Duration patience) {
  v1::ConfirmEndpointRequest request;
  request.set_partner(partner_);
  request.set_endpoint(endpoint_);
  request.set_challenge(NewRequestId(absl::Now()));
  const auto context = Deadline(patience);
  context->set_wait_for_ready(true);
  v1::ConfirmEndpointResponse response;
  POSTERN_RETURN_IF_ERROR(FromGrpc(stub_->ConfirmEndpoint(context.get(), request, &response)));
  if (response.partner() != partner_ || response.challenge() != request.challenge()) {
    return absl::FailedPreconditionError("it does not answer the challenge with its name and the challenge");
  }
  request.set_partner(partner_ + "-other");
  if (stub_->ConfirmEndpoint(Deadline(patience).get(), request, &response).ok()) {
    return absl::FailedPreconditionError("it confirms an endpoint of another partner");
  }
  return absl::OkStatus();
}

absl::Status PushCourier::Deliver(std::vector<v1::DeliveredRecord> records, absl::Duration patience,
                                  std::vector<Answer>* answers) {
  const size_t count = records.size();
  answers->assign(count, Answer::kNone);
  v1::DeliverResponse response;
  POSTERN_RETURN_IF_ERROR(
      FromGrpc(stub_->Deliver(Deadline(patience).get(), RequestFor(partner_, std::move(records)), &response)));
  const auto set = [&](uint64_t delivery, Answer answer) {
    if (delivery < 1 || delivery > count) return false;
    return std::exchange((*answers)[delivery - 1], answer) == Answer::kNone;
  };
  for (const v1::DeliveryRange& range : response.acknowledged()) {
    for (uint64_t delivery = range.first(); delivery <= range.last(); ++delivery) {
      if (!set(delivery, Answer::kAcknowledged)) {
        return absl::FailedPreconditionError("it acknowledges what was not in the call, or twice");
      }
    }
  }
  for (const v1::DeliveryRejection& rejection : response.rejected()) {
    const bool reject = rejection.action() == v1::DeliveryRejection::ACTION_REJECT;
    if (!set(rejection.delivery(), reject ? Answer::kReject : Answer::kRetry)) {
      return absl::FailedPreconditionError("it rejects what was not in the call, or twice");
    }
  }
  return absl::OkStatus();
}

absl::Status PushCourier::Break(std::vector<v1::DeliveredRecord> records) {
  // Long enough to be read, mostly too short to be answered; either way the answer counts for nothing.
  v1::DeliverResponse ignored;
  const grpc::Status status =
      stub_->Deliver(Deadline(absl::Milliseconds(20)).get(), RequestFor(partner_, std::move(records)), &ignored);
  const bool cut =
      status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED || status.error_code() == grpc::StatusCode::CANCELLED;
  return status.ok() || cut ? absl::OkStatus() : FromGrpc(status);
}

}  // namespace postern::client::conformance
