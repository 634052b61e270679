#include "server/registry/events.h"

#include <utility>

#include "server/registry/times.h"

namespace postern::registry {

EventFeed::Subscription::Subscription(Subscription&& other) noexcept
    : feed_(std::exchange(other.feed_, nullptr)), id_(other.id_) {}

EventFeed::Subscription& EventFeed::Subscription::operator=(Subscription&& other) noexcept {
  if (this != &other) {
    Cancel();
    feed_ = std::exchange(other.feed_, nullptr);
    id_ = other.id_;
  }
  return *this;
}

void EventFeed::Subscription::Cancel() {
  if (EventFeed* feed = std::exchange(feed_, nullptr)) {
    // Waits for a listener that is being called.
    absl::MutexLock lock(&feed->mutex_);
    feed->listeners_.erase(id_);
  }
}

EventFeed::Subscription EventFeed::Subscribe(Listener listener) {
  absl::MutexLock lock(&mutex_);
  const uint64_t id = next_id_++;
  listeners_.emplace(id, std::move(listener));
  return Subscription(this, id);
}

void EventFeed::Publish(const v1::WatchEventsResponse& event) {
  absl::MutexLock lock(&mutex_);
  for (const auto& [id, listener] : listeners_) listener(event);
}

void EventFeed::Publish(absl::Time time, absl::string_view event, absl::string_view resource,
                        absl::string_view principal, Details details) {
  v1::WatchEventsResponse message;
  SetTime(time, message.mutable_time());
  message.set_event(std::string(event));
  message.set_resource(std::string(resource));
  message.set_principal(std::string(principal));
  for (const auto& [key, value] : details) (*message.mutable_details())[std::string(key)] = std::string(value);
  Publish(message);
}

}  // namespace postern::registry
