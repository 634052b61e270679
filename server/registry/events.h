// Changes of partners, bundles and campaigns, told to whoever watches right now. In memory: the audit log is the
// record.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/postern/v1/operator_service.pb.h"

namespace postern::registry {

using Details = std::initializer_list<std::pair<absl::string_view, absl::string_view>>;

// Thread-safe. Must outlive its subscriptions.
class EventFeed {
 public:
  // Called in the publisher's thread, one event at a time, in order of publication. Must not block and must not
  // subscribe, unsubscribe or publish.
  using Listener = std::function<void(const v1::WatchEventsResponse&)>;

  // Ends with its destruction; after that the listener is not running and is never called again.
  class Subscription {
   public:
    Subscription() = default;
    Subscription(Subscription&& other) noexcept;
    Subscription& operator=(Subscription&& other) noexcept;
    ~Subscription() { Cancel(); }
    void Cancel();

   private:
    friend class EventFeed;
    Subscription(EventFeed* feed, uint64_t id) : feed_(feed), id_(id) {}
    EventFeed* feed_ = nullptr;
    uint64_t id_ = 0;
  };

  Subscription Subscribe(Listener listener);
  void Publish(const v1::WatchEventsResponse& event);
  // `event` is a short token such as "partner.suspended"; details hold no personal data.
  void Publish(absl::Time time, absl::string_view event, absl::string_view resource, absl::string_view principal,
               Details details = {});

 private:
  absl::Mutex mutex_;
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, Listener> listeners_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::registry
