// Receiving partners in one place: how much has come to all of them, and when.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "proto/postern/v1/partner_service.grpc.pb.h"
#include "tests/bench/gateway/latency.h"
#include "tests/bench/gateway/partner_stream.h"

namespace postern::bench {

// Thread-safe. One stream for each of the stubs, which must outlive it; everything is acknowledged.
class Receivers {
 public:
  using Stubs = std::vector<std::unique_ptr<postern::v1::PartnerService::StubInterface>>;

  // Keeps the latency of every `sample`th record of a stream; none where 0.
  Receivers(const Stubs& stubs, size_t count, int sample);

  int64_t received() const { return received_; }
  // Messages so far.
  int64_t messages() const { return messages_; }
  // When the newest came.
  absl::Time last() const { return absl::FromUnixNanos(last_nanos_); }
  // From commit to receipt.
  const Latencies& latencies() const { return latencies_; }
  // Waits for `records` in all; ends the program if they stay away.
  void Await(int64_t records) const;

 private:
  std::atomic<int64_t> received_{0};
  std::atomic<int64_t> messages_{0};
  std::atomic<int64_t> last_nanos_{0};
  Latencies latencies_;
  AcknowledgedStreams streams_;  // last: they call back
};

}  // namespace postern::bench
