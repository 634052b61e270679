#include "client/storefront/storefront_client.h"

#include <algorithm>
#include <utility>

#include <grpcpp/client_context.h>

#include "absl/random/random.h"
#include "absl/time/clock.h"
#include "client/transport/request_id.h"
#include "client/transport/status.h"
#include "proto/errors/error.h"
#include "proto/errors/rpc_status.h"

namespace postern::client {
namespace {

void SetDeadline(grpc::ClientContext& context, absl::Time deadline) {
  context.set_deadline(absl::ToChronoTime(deadline));
}

// The first error of `response` that may go away by itself; OK if there is none.
absl::Status RetryableError(const v1::CreateDisclosureResponse& response) {
  for (const v1::TargetResult& result : response.results()) {
    if (!result.has_error()) continue;
    if (absl::Status error = FromRpcStatus(result.error()); IsRetryable(error)) return error;
  }
  return absl::OkStatus();
}

absl::Status RetryableError(const v1::BatchCreateDisclosuresResponse& response) {
  for (const v1::DisclosureAnswer& answer : response.answers()) {
    if (absl::Status error = FromRpcStatus(answer.status()); IsRetryable(error)) return error;
    for (const v1::TargetResult& result : answer.results()) {
      if (!result.has_error()) continue;
      if (absl::Status error = FromRpcStatus(result.error()); IsRetryable(error)) return error;
    }
  }
  return absl::OkStatus();
}

// Keeps the answer of the latest attempt that was answered at all: single errors in it say more than `status` does.
template <typename Response>
absl::StatusOr<Response> LastAnswer(const absl::Status& status, std::optional<Response> answered) {
  if (answered.has_value()) return *std::move(answered);
  return status;
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
    const absl::Status status = attempt(deadline);
    if (status.ok() || !retryable(status)) return status;
    const absl::Duration pause = backoff * absl::Uniform(random, 0.0, 1.0);
    if (absl::Now() + pause >= deadline) return status;
    absl::SleepFor(pause);
    backoff = std::min(backoff * 2, options_.max_backoff);
  }
}

absl::Time StorefrontClient::AttemptDeadline(absl::Time deadline) const {
  return std::min(deadline, absl::Now() + options_.attempt_timeout);
}

absl::StatusOr<v1::CreateDisclosureResponse> StorefrontClient::Disclose(v1::CreateDisclosureRequest request) {
  if (request.request_id().empty()) request.set_request_id(NewRequestId(absl::Now()));
  std::optional<v1::CreateDisclosureResponse> answered;
  const absl::Status status = Retry(
      [&](absl::Time deadline) {
        grpc::ClientContext context;
        SetDeadline(context, AttemptDeadline(deadline));
        v1::CreateDisclosureResponse response;
        POSTERN_RETURN_IF_ERROR(FromGrpc(stub_->CreateDisclosure(&context, request, &response)));
        answered = std::move(response);
        return RetryableError(*answered);
      },
      IsRetryable);
  return LastAnswer(status, std::move(answered));
}

absl::StatusOr<v1::BatchCreateDisclosuresResponse> StorefrontClient::DiscloseBatch(
    v1::BatchCreateDisclosuresRequest request) {
  for (auto& item : *request.mutable_requests()) {
    if (item.request_id().empty()) item.set_request_id(NewRequestId(absl::Now()));
  }
  std::optional<v1::BatchCreateDisclosuresResponse> answered;
  const absl::Status status = Retry(
      [&](absl::Time deadline) {
        grpc::ClientContext context;
        SetDeadline(context, AttemptDeadline(deadline));
        v1::BatchCreateDisclosuresResponse response;
        POSTERN_RETURN_IF_ERROR(FromGrpc(stub_->BatchCreateDisclosures(&context, request, &response)));
        answered = std::move(response);
        return RetryableError(*answered);
      },
      IsRetryable);
  return LastAnswer(status, std::move(answered));
}

absl::StatusOr<ExchangeResult> StorefrontClient::Exchange(v1::ExchangeRequest request) {
  if (request.request_id().empty()) request.set_request_id(NewRequestId(absl::Now()));
  v1::ExchangeResponse response;
  POSTERN_RETURN_IF_ERROR(Retry(
      [&](absl::Time deadline) {
        grpc::ClientContext context;
        SetDeadline(context, deadline);  // the contract's timeout rules inside
        return FromGrpc(stub_->Exchange(&context, request, &response));
      },
      IsTemporary));
  ExchangeResult result;
  result.disclosure = std::move(*response.mutable_disclosure());
  if (response.has_response()) result.response = std::move(*response.mutable_response());
  result.replayed = response.replayed();
  return result;
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
        SetDeadline(context, AttemptDeadline(deadline));
        return FromGrpc(stub_->ReportOrderEvent(&context, request, &response));
      },
      IsRetryable);
}

}  // namespace postern::client
