#include "client/storefront/storefront_client.h"

#include <algorithm>
#include <utility>

#include <grpcpp/client_context.h>

#include "absl/random/random.h"
#include "absl/time/clock.h"
#include "client/transport/request_id.h"
#include "client/transport/status.h"
#include "proto/errors/error.h"

namespace postern::client {
namespace {

void SetDeadline(grpc::ClientContext& context, absl::Time deadline) {
  context.set_deadline(absl::ToChronoTime(deadline));
}

// An exchange whose outcome is unknown must not be sent again by a library: the caller decides.
bool NothingWasSent(const absl::Status& status) {
  return (status.code() == absl::StatusCode::kUnavailable || status.code() == absl::StatusCode::kResourceExhausted) &&
         ReasonOf(status) != v1::ERROR_REASON_OUTCOME_UNKNOWN;
}

}  // namespace

StorefrontClient::StorefrontClient(std::shared_ptr<grpc::Channel> channel, StorefrontOptions options)
    : stub_(v1::StorefrontService::NewStub(std::move(channel))), options_(options) {}

absl::Status StorefrontClient::Retry(const std::function<absl::Status(absl::Time)>& attempt,
                                     const std::function<bool(const absl::Status&)>& retryable) const {
  const absl::Time deadline = absl::Now() + options_.deadline;
  absl::Duration backoff = options_.first_backoff;
  absl::BitGen random;
  while (true) {
    const absl::Status status = attempt(std::min(deadline, absl::Now() + options_.attempt_timeout));
    if (status.ok() || !retryable(status)) return status;
    const absl::Duration pause = backoff * absl::Uniform(random, 0.0, 1.0);
    if (absl::Now() + pause >= deadline) return status;
    absl::SleepFor(pause);
    backoff = std::min(backoff * 2, options_.max_backoff);
  }
}

absl::StatusOr<v1::CreateDisclosureResponse> StorefrontClient::Disclose(v1::CreateDisclosureRequest request) {
  if (request.request_id().empty()) request.set_request_id(NewRequestId(absl::Now()));
  v1::CreateDisclosureResponse response;
  POSTERN_RETURN_IF_ERROR(Retry(
      [&](absl::Time deadline) {
        grpc::ClientContext context;
        SetDeadline(context, deadline);
        return FromGrpc(stub_->CreateDisclosure(&context, request, &response));
      },
      IsRetryable));
  return response;
}

absl::StatusOr<v1::BatchCreateDisclosuresResponse> StorefrontClient::DiscloseBatch(
    v1::BatchCreateDisclosuresRequest request) {
  for (auto& item : *request.mutable_requests()) {
    if (item.request_id().empty()) item.set_request_id(NewRequestId(absl::Now()));
  }
  v1::BatchCreateDisclosuresResponse response;
  POSTERN_RETURN_IF_ERROR(Retry(
      [&](absl::Time deadline) {
        grpc::ClientContext context;
        SetDeadline(context, deadline);
        return FromGrpc(stub_->BatchCreateDisclosures(&context, request, &response));
      },
      IsRetryable));
  return response;
}

absl::StatusOr<v1::ExchangeResponse> StorefrontClient::Exchange(v1::ExchangeRequest request) {
  if (request.request_id().empty()) request.set_request_id(NewRequestId(absl::Now()));
  v1::ExchangeResponse response;
  POSTERN_RETURN_IF_ERROR(Retry(
      [&](absl::Time) {
        grpc::ClientContext context;
        SetDeadline(context, absl::Now() + options_.deadline);  // the contract's timeout rules inside
        return FromGrpc(stub_->Exchange(&context, request, &response));
      },
      NothingWasSent));
  return response;
}

absl::StatusOr<v1::PreviewDisclosureResponse> StorefrontClient::Preview(const v1::PreviewDisclosureRequest& request) {
  grpc::ClientContext context;
  SetDeadline(context, absl::Now() + options_.deadline);
  v1::PreviewDisclosureResponse response;
  POSTERN_RETURN_IF_ERROR(FromGrpc(stub_->PreviewDisclosure(&context, request, &response)));
  return response;
}

absl::StatusOr<v1::Disclosure> StorefrontClient::GetDisclosure(const std::string& name) {
  grpc::ClientContext context;
  SetDeadline(context, absl::Now() + options_.deadline);
  v1::GetDisclosureRequest request;
  request.set_name(name);
  v1::Disclosure response;
  POSTERN_RETURN_IF_ERROR(FromGrpc(stub_->GetDisclosure(&context, request, &response)));
  return response;
}

absl::Status StorefrontClient::ReportOrderEvent(const v1::ReportOrderEventRequest& request) {
  v1::ReportOrderEventResponse response;
  return Retry(
      [&](absl::Time deadline) {
        grpc::ClientContext context;
        SetDeadline(context, deadline);
        return FromGrpc(stub_->ReportOrderEvent(&context, request, &response));
      },
      IsRetryable);
}

}  // namespace postern::client
