// WatchEvents: what happens while somebody watches.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <deque>
#include <memory>

#include "proto/postern/v1/operator_service.pb.h"
#include "server/registry/events.h"
#include "server/rpc/stream_base.h"

namespace postern::rpc {

class EventStream final : public StreamBase<EventStream, grpc::ServerWriteReactor<v1::WatchEventsResponse>> {
 public:
  static EventStream* Open(CallGate* gate, grpc::CallbackServerContext* context, registry::EventFeed* feed);

  EventStream(CallGate* gate, grpc::CallbackServerContext* context) : StreamBase(gate, context, StreamKind::kEvents) {}

  void OnWriteDone(bool ok) override;

 protected:
  void Released() override;

 private:
  void Start(registry::EventFeed* feed);
  // In the publisher's thread.
  void OnEvent(const v1::WatchEventsResponse& event);
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The initial metadata is on its way; until then events wait, those of the time since the subscription included.
  bool opened_ ABSL_GUARDED_BY(mutex_) = false;
  v1::WatchEventsResponse response_;  // while a write is pending
  std::deque<v1::WatchEventsResponse> queue_ ABSL_GUARDED_BY(mutex_);
  // Never destroyed under mutex_: that waits for a listener, which takes mutex_.
  registry::EventFeed::Subscription subscription_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::rpc
