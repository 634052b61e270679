// Finds the address that an endpoint is at, so that it can be checked and then connected to, and no other.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace postern::delivery {

struct AddressResolverOptions {
  // Names that are slow to resolve hold a thread each; one name holds one at most.
  int threads = 4;
  // How long an answer is used again.
  absl::Duration keep = absl::Seconds(30);
  // Names that may wait for a thread.
  size_t max_waiting = 1024;
};

// Thread-safe.
class AddressResolver {
 public:
  // "a.b.c.d:port" or "[v6]:port".
  using Done = std::function<void(absl::StatusOr<std::string> address)>;

  explicit AddressResolver(AddressResolverOptions options = {});
  // Waits for look-ups under way; the rest ends with PARTNER_UNREACHABLE.
  ~AddressResolver();

  // The first address of "host:port" that MayCall. `done` is called once: from inside this call for a literal address
  // and for an answer that is kept, else from a thread of the resolver. ADDRESS_FORBIDDEN if the host has addresses and
  // none may be called; PARTNER_UNREACHABLE if it has none, or too many names wait.
  void Resolve(const std::string& host_port, bool allow_private, Done done);

 private:
  struct Request {
    bool allow_private;
    Done done;
  };
  struct Kept {
    std::vector<std::string> public_addresses;  // with ports
    std::vector<std::string> private_addresses;
    bool forbidden = false;  // there are others, which nobody may call
    bool empty() const { return public_addresses.empty() && private_addresses.empty() && !forbidden; }
    absl::Time until;
  };

  void Loop();
  static Kept LookUp(const std::string& host_port, bool literal_only);
  static absl::StatusOr<std::string> Choose(const Kept& kept, bool allow_private);

  const AddressResolverOptions options_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Kept> kept_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, std::vector<Request>> waiting_ ABSL_GUARDED_BY(mutex_);  // by host and port
  std::deque<std::string> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace postern::delivery
