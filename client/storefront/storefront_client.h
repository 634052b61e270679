// The shop's side: disclose with deadline, retry and idempotency.
#pragma once

#include <functional>
#include <memory>
#include <optional>
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

// What an exchange came to.
struct ExchangeResult {
  v1::Disclosure disclosure;  // DELIVERED
  // The partner's answer, projected. Absent if the contract grants nothing inbound, or if `replayed`: answers are not
  // stored, so the partner has acted and what it said is gone. A payment result must then be asked for elsewhere.
  std::optional<v1::Record> response;
  bool replayed = false;  // this answers a repeated request id
};

// Thread-safe. Errors carry the gateway's reason (ReasonOf).
class StorefrontClient {
 public:
  StorefrontClient(std::shared_ptr<grpc::Channel> channel, StorefrontOptions options);

  // Discloses one record. Fills in request_id where empty; every attempt sends the same one, so that a retry never
  // discloses twice. Targets that failed for the time being (IsRetryable) are tried again too; if the deadline passes,
  // the response holds their last errors. The error of the last attempt if every attempt failed: what became of the
  // request is then known only by calling again with its id.
  absl::StatusOr<v1::CreateDisclosureResponse> Disclose(v1::CreateDisclosureRequest request);

  // Up to 512 records; answers in order. Retried as a whole: what was durable already is answered again.
  absl::StatusOr<v1::BatchCreateDisclosuresResponse> DiscloseBatch(v1::BatchCreateDisclosuresRequest request);

  // Calls the partner through the gateway. Tried again only where the gateway says that it did nothing (IsTemporary),
  // all within `deadline`; a lost connection is not, for the partner may have acted. PARTNER_UNREACHABLE is final for
  // its request id: call again with a new one.
  absl::StatusOr<ExchangeResult> Exchange(v1::ExchangeRequest request);

  absl::StatusOr<v1::PreviewDisclosureResponse> Preview(const v1::PreviewDisclosureRequest& request);
  absl::StatusOr<v1::Disclosure> GetDisclosure(const std::string& name);
  absl::Status ReportOrderEvent(const v1::ReportOrderEventRequest& request);

  v1::StorefrontService::StubInterface& stub() { return *stub_; }

 private:
  // Runs `attempt` until it succeeds, fails for good, or the deadline passes. `attempt` is given that deadline.
  absl::Status Retry(const std::function<absl::Status(absl::Time deadline)>& attempt,
                     const std::function<bool(const absl::Status&)>& retryable) const;
  // The deadline of one attempt within `deadline`.
  absl::Time AttemptDeadline(absl::Time deadline) const;

  const std::unique_ptr<v1::StorefrontService::StubInterface> stub_;
  const StorefrontOptions options_;
};

}  // namespace postern::client
