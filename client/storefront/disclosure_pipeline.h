// A pipeline over StreamDisclosures: many records in flight, answers by callback, reconnecting with the same request
// ids.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/postern/v1/storefront_service.grpc.pb.h"

namespace postern::client {

struct PipelineOptions {
  int max_in_flight = 1024;  // records without an answer; Send blocks above it
  int max_batch = 64;        // records a stream message
  // Bytes a stream message; a single request above it is refused by Send. The gateway takes messages up to 16 MiB.
  size_t max_batch_bytes = 8 << 20;
  absl::Duration reconnect_backoff = absl::Milliseconds(100);  // doubles to 5 s
  absl::Duration give_up_after = absl::Seconds(60);            // without any answer while reconnecting
};

// Thread-safe. Every record that Send accepted gets exactly one answer: the gateway's, or, when the pipeline gave up,
// one whose status says why: the gateway's refusal where no reconnecting can help (certificate, role), which ends the
// pipeline at once, or UNAVAILABLE. Answers come in the order of sending.
class DisclosurePipeline {
 public:
  // Called on the pipeline's own thread; must not call Send.
  using AnswerFn = std::function<void(const v1::DisclosureAnswer& answer)>;

  DisclosurePipeline(std::shared_ptr<grpc::Channel> channel, PipelineOptions options, AnswerFn on_answer);
  ~DisclosurePipeline();  // Finish(), if not called
  DisclosurePipeline(const DisclosurePipeline&) = delete;

  // Queues a record; blocks while max_in_flight is reached. Fills in request_id where empty. RECORD_TOO_LARGE above
  // max_batch_bytes; FAILED_PRECONDITION after Finish or giving up.
  absl::Status Send(v1::CreateDisclosureRequest request);
  // Waits until everything is answered and closes. OK, or why the pipeline gave up.
  absl::Status Finish();

 private:
  void Run();
  // One stream: writes what is queued, reads answers, until the stream breaks or Finish has nothing left. What ended
  // the stream.
  absl::Status RunStream();
  void WriteLoop(
      grpc::ClientReaderWriterInterface<v1::StreamDisclosuresRequest, v1::StreamDisclosuresResponse>& stream);
  // Moves requests that are not on the stream yet into `batch`, as many as one message takes. At least one.
  void TakeBatch(v1::StreamDisclosuresRequest& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FailAll(const absl::Status& status);

  const std::unique_ptr<v1::StorefrontService::StubInterface> stub_;
  const PipelineOptions options_;
  const AnswerFn on_answer_;

  absl::Mutex mutex_;
  std::deque<v1::CreateDisclosureRequest> unanswered_ ABSL_GUARDED_BY(mutex_);  // sent ones first, in order
  size_t sent_ ABSL_GUARDED_BY(mutex_) = 0;  // how many of them are on the current stream
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  bool stream_broken_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status final_ ABSL_GUARDED_BY(mutex_);
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time last_answer_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;  // last: starts when everything above is ready
};

}  // namespace postern::client
