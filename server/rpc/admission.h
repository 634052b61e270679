// Calls in flight, by connection and by principal. gRPC's stream limit does not bound handlers: a client that resets
// streams as fast as it opens them had 18 times as many alive as the limit allows.
#pragma once

#include <array>
#include <cstddef>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace postern::rpc {

// Thread-safe. Must outlive its tickets.
class Admission {
 public:
  struct Limits {
    int per_connection = 256;
    int per_principal = 1024;
  };
  explicit Admission(const Limits& limits) : limits_(limits) {}

  // One call in flight; ends with its destruction.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept;
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket() { Release(); }

   private:
    friend class Admission;
    Ticket(Admission* admission, std::string connection, std::string principal)
        : admission_(admission), connection_(std::move(connection)), principal_(std::move(principal)) {}
    void Release();

    Admission* admission_ = nullptr;
    std::string connection_;
    std::string principal_;
  };

  // OVERLOADED if the connection or the principal has as many as it may. Names may share a map: peers hold a colon
  // early, principals a slash.
  absl::StatusOr<Ticket> Admit(std::string connection, absl::string_view principal);

 private:
  // Counts spread over shards, so that calls on different connections do not meet.
  struct Shard {
    absl::Mutex mutex;
    absl::flat_hash_map<std::string, int> counts ABSL_GUARDED_BY(mutex);
  };
  static constexpr size_t kShards = 16;

  Shard& ShardOf(absl::string_view name);
  bool Add(absl::string_view name, int limit);
  void Remove(absl::string_view name);

  const Limits limits_;
  std::array<Shard, kShards> shards_;
};

}  // namespace postern::rpc
