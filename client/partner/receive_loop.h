// A partner's side of PartnerService.Receive: takes records, acknowledges each after the handler has stored it,
// reconnects.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/postern/v1/partner_service.grpc.pb.h"

namespace postern::client {

struct ReceiveOptions {
  int window_records = 256;  // credits kept with the gateway; also what may have to be handled twice after a crash
  int64_t window_bytes = 4 << 20;
  absl::Duration reconnect_backoff = absl::Milliseconds(200);  // doubles to 10 s while connecting fails
  absl::Duration stop_grace = absl::Seconds(2);  // for the last acknowledgements to arrive; then the call is cancelled
};

// What the handler did with a record.
enum class Handled {
  kStored,      // safely stored, with its handle: acknowledged
  kRetryLater,  // deliver again, later
  kRejected,    // never again: becomes a dead letter at the gateway
};

// Runs on a thread of its own from construction to Stop. The handler is called in delivery order, one record at a time.
// Deliveries repeat after a broken stream: the handler must treat a known DeliveredRecord.disclosure as stored.
class ReceiveLoop {
 public:
  using HandlerFn = std::function<Handled(const v1::DeliveredRecord& record)>;
  // Told of every end of a stream. Returns whether to connect again; a terminated partner should answer false and turn
  // to its notices.
  using DisconnectedFn = std::function<bool(const absl::Status& status)>;

  ReceiveLoop(std::shared_ptr<grpc::Channel> channel, ReceiveOptions options, HandlerFn handler,
              DisconnectedFn on_disconnected);
  ~ReceiveLoop();  // Stop()
  ReceiveLoop(const ReceiveLoop&) = delete;

  // Ends the stream after the record in hand: what was handled is acknowledged, the rest of its batch is not handled
  // and comes again with the next stream. Waits for the handler as long as it takes, then for the gateway up to
  // `stop_grace`. No callback runs after it returns. Not from a callback.
  void Stop();

 private:
  using Stream = grpc::ClientReaderWriterInterface<v1::ReceiveRequest, v1::ReceiveResponse>;

  void Run();
  void Loop();
  absl::Status RunStream(bool* got_records);
  // Handles the records of a batch and writes the reply, until Stop. False when the stream is to be ended.
  bool Handle(const v1::ReceiveResponse& batch, Stream& stream, bool* got_records);
  bool Stopping();
  // Reads the next batch. False when the stream is to be ended; it is half-closed then.
  bool Read(Stream& stream, v1::ReceiveResponse* batch);

  const std::unique_ptr<v1::PartnerService::StubInterface> stub_;
  const ReceiveOptions options_;
  const HandlerFn handler_;
  const DisconnectedFn on_disconnected_;

  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;  // of the running call, as is `reading_`
  Stream* reading_ ABSL_GUARDED_BY(mutex_) = nullptr;  // waiting for a batch: nobody writes but whoever clears this
  bool handling_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;  // the thread is at its end
  std::thread thread_;
};

}  // namespace postern::client
