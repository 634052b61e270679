// StreamDisclosures: a pipeline of batches with answers in order.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/support/server_callback.h>

#include <deque>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/postern/v1/storefront_service.pb.h"
#include "server/disclosure/discloser.h"
#include "server/rpc/stream_base.h"

namespace postern::rpc {

class DisclosureStream final
    : public StreamBase<DisclosureStream,
                        grpc::ServerBidiReactor<v1::StreamDisclosuresRequest, v1::StreamDisclosuresResponse>> {
 public:
  // Reads on while fewer than `max_in_flight` disclosures wait for their answers; what is beyond stays in the client.
  static DisclosureStream* Open(CallGate* gate, grpc::CallbackServerContext* context, disclosure::Discloser* discloser,
                                int max_in_flight);

  DisclosureStream(CallGate* gate, grpc::CallbackServerContext* context, disclosure::Discloser* discloser,
                   int max_in_flight);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;

 protected:
  void OnDrain() override;

 private:
  // One message of the client, answered or not.
  struct Batch {
    bool answered = false;
    int size = 0;  // disclosures
    disclosure::BatchAnswers answers;
  };

  // Hands the message that was read to the discloser. Called by one thread at a time: no read is under way.
  void Submit();
  // `batch` was answered or refused whole.
  void OnAnswers(Batch* batch, absl::StatusOr<disclosure::BatchAnswers> answers);
  // Starts whatever can start: a write of what is answered, the next read, the end.
  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteAnswered() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  disclosure::Discloser* const discloser_;
  const int max_in_flight_;

  v1::StreamDisclosuresRequest request_;  // from OnReadDone until it is taken
  // While a write is pending: the arenas that the response and its answers live on.
  std::vector<std::unique_ptr<google::protobuf::Arena>> writing_ ABSL_GUARDED_BY(mutex_);
  // Made anew for each use: an alarm cannot be set again while its last callback runs.
  std::unique_ptr<grpc::Alarm> retry_;
  std::deque<std::unique_ptr<Batch>> batches_ ABSL_GUARDED_BY(mutex_);  // in the order of the stream
  int in_flight_ ABSL_GUARDED_BY(mutex_) = 0;                           // disclosures in batches_
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;                        // a read is under way
  bool holding_ ABSL_GUARDED_BY(mutex_) = false;                        // request_ was read and is not taken yet
  bool refused_ ABSL_GUARDED_BY(mutex_) = false;                        // the commit queue was full for request_
  bool no_more_ ABSL_GUARDED_BY(mutex_) = false;                        // the client has half-closed
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace postern::rpc
