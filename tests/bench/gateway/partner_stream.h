// A partner's Receive streams in a benchmark.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/postern/v1/partner_service.grpc.pb.h"

namespace postern::bench {

// When the ledger had the record.
absl::Time CommitTime(const postern::v1::DeliveredRecord& record);

// One stream, from its construction until the gateway or Stop ends it. Thread-safe.
class PartnerStream : public grpc::ClientBidiReactor<postern::v1::ReceiveRequest, postern::v1::ReceiveResponse> {
 public:
  // Sees every batch that has records in it, one at a time, on gRPC's threads. May be null.
  using BatchFn = std::function<void(const postern::v1::ReceiveResponse& batch)>;

  // Asks for `window` records. `stub` must outlive this.
  PartnerStream(postern::v1::PartnerService::StubInterface& stub, int window, BatchFn on_batch);
  // Stops.
  ~PartnerStream() override;

  // Acknowledges what has come, in one range, and asks for as much again. Does nothing while the last acknowledgement
  // is being written.
  void Acknowledge();
  // Cancels; returns when the stream has ended. Idempotent.
  void Stop();
  // Returns when the stream has ended, with why.
  grpc::Status Wait();

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  const BatchFn on_batch_;
  grpc::ClientContext context_;
  postern::v1::ReceiveResponse batch_;

  absl::Mutex mutex_;
  postern::v1::ReceiveRequest request_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = true;
  uint64_t first_ ABSL_GUARDED_BY(mutex_) = 0;  // unacknowledged: deliveries come in order, without gaps
  int records_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;  // nothing more is read or written
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Status status_ ABSL_GUARDED_BY(mutex_);
};

// Streams whose records are acknowledged every few milliseconds, as a partner does that stores in batches.
class AcknowledgedStreams {
 public:
  AcknowledgedStreams();
  // Stops every stream.
  ~AcknowledgedStreams();

  void Add(std::unique_ptr<PartnerStream> stream);

 private:
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<PartnerStream>> streams_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace postern::bench
