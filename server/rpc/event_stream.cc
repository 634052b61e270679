#include "server/rpc/event_stream.h"

#include <utility>

namespace postern::rpc {
namespace {

// Events that may wait for a slow reader.
constexpr size_t kMaxQueued = 1024;

}  // namespace

EventStream* EventStream::Open(CallGate* gate, grpc::CallbackServerContext* context, registry::EventFeed* feed) {
  auto stream = std::make_shared<EventStream>(gate, context);
  EventStream* const out = stream.get();
  const identity::MethodRule* rule = identity::FindRule("postern.v1.OperatorService.WatchEvents");
  if (!stream->Enter(rule)) return out;
  const bool taken = gate->pool()->Run([stream, gate, rule, feed] {
    const absl::Status audited = gate->AuditRead(stream->principal(), *rule, "");
    if (!audited.ok()) return stream->End(audited);
    stream->Start(feed);
  });
  if (!taken) stream->End(MakeError(v1::ERROR_REASON_OVERLOADED, "too many calls wait on this listener"));
  return out;
}

void EventStream::Start(registry::EventFeed* feed) {
  const std::weak_ptr<EventStream> weak = weak_from_this();
  registry::EventFeed::Subscription subscription = feed->Subscribe([weak](const v1::WatchEventsResponse& event) {
    if (const auto stream = weak.lock()) stream->OnEvent(event);
  });
  absl::MutexLock lock(&mutex_);
  if (ended_) return;
  subscription_ = std::move(subscription);
  // Tells the client that from here on nothing is missed. gRPC takes it before the first write only.
  StartSendInitialMetadata();
  opened_ = true;
  if (!queue_.empty()) WriteNext();
}

void EventStream::OnEvent(const v1::WatchEventsResponse& event) {
  absl::MutexLock lock(&mutex_);
  if (ended_) return;
  if (queue_.size() >= kMaxQueued) {
    return EndLocked(MakeError(v1::ERROR_REASON_OVERLOADED, "the watcher reads slower than events happen"));
  }
  queue_.push_back(event);
  if (opened_ && !write_pending_) WriteNext();
}

void EventStream::OnWriteDone(bool ok) {
  const auto self = shared_from_this();
  absl::MutexLock lock(&mutex_);
  write_pending_ = false;
  if (!ok) return EndLocked(absl::CancelledError("the watcher is gone"));
  if (!ended_ && !queue_.empty()) WriteNext();
}

void EventStream::WriteNext() {
  response_ = std::move(queue_.front());
  queue_.pop_front();
  write_pending_ = true;
  StartWrite(&response_);
}

void EventStream::Released() {
  registry::EventFeed::Subscription subscription;
  absl::MutexLock lock(&mutex_);
  subscription = std::move(subscription_);
}

}  // namespace postern::rpc
