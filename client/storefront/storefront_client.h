// The shop's side: disclose with deadline, retry and idempotency.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/channel.h>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/postern/v1/storefront_service.grpc.pb.h"

namespace postern::client {

struct StorefrontOptions {
  absl::Duration deadline = absl::Seconds(10);            // of one disclosure, retries included
  absl::Duration attempt_timeout = absl::Seconds(3);      // of one attempt
  absl::Duration first_backoff = absl::Milliseconds(50);  // doubles with each attempt, with full jitter
  absl::Duration max_backoff = absl::Seconds(2);
};

// Thread-safe. Errors carry the gateway's reason (ReasonOf).
class StorefrontClient {
 public:
  StorefrontClient(std::shared_ptr<grpc::Channel> channel, StorefrontOptions options);

  // Discloses one record. Fills in request_id where empty; every attempt sends the same one, so that a retry never
  // discloses twice. The error of the last attempt if the deadline passes: what became of the request is then known
  // only by calling again with its id.
  absl::StatusOr<v1::CreateDisclosureResponse> Disclose(v1::CreateDisclosureRequest request);

  // Up to 512 records; answers in order. Retried as a whole: what was durable already is answered again.
  absl::StatusOr<v1::BatchCreateDisclosuresResponse> DiscloseBatch(v1::BatchCreateDisclosuresRequest request);

  // Calls the partner through the gateway. Retried only while nothing can have been sent (UNAVAILABLE,
  // RESOURCE_EXHAUSTED).
  absl::StatusOr<v1::ExchangeResponse> Exchange(v1::ExchangeRequest request);

  absl::StatusOr<v1::PreviewDisclosureResponse> Preview(const v1::PreviewDisclosureRequest& request);
  absl::StatusOr<v1::Disclosure> GetDisclosure(const std::string& name);
  absl::Status ReportOrderEvent(const v1::ReportOrderEventRequest& request);

  v1::StorefrontService::StubInterface& stub() { return *stub_; }

 private:
  // Runs `attempt` until it succeeds, fails for good, or the deadline passes.
  absl::Status Retry(const std::function<absl::Status(absl::Time attempt_deadline)>& attempt,
                     const std::function<bool(const absl::Status&)>& retryable) const;

  const std::unique_ptr<v1::StorefrontService::StubInterface> stub_;
  const StorefrontOptions options_;
};

}  // namespace postern::client
