// How much partners may submit. Every result is a write to the ledger and to the audit log and stays until the shop has
// read it, so what one partner sends is bounded whatever it sends: by the day, and by what one disclosure can have as
// results.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/crypto/uuid7.h"
#include "server/storage/types.h"

namespace postern::delivery {

// Of one partner. What is of a UTC day is counted in memory, about 64 bytes a disclosure that has results: a restart
// begins anew.
struct ResultLimits {
  int per_second = 50;                       // calls, on average over two seconds
  int per_day = 100'000;                     // results
  int64_t bytes_per_day = int64_t{1} << 30;  // of them, as submitted
  int per_disclosure = 64;                   // results of one disclosure in a day
};

// Thread-safe.
class ResultQuota {
 public:
  explicit ResultQuota(ResultLimits limits) : limits_(limits) {}

  // One call. RESULT_LIMIT, with the time until the next one as delay. Does not block.
  absl::Status Admit(absl::string_view partner, absl::Time now);

  // Takes room for a result. False if it is the repetition of one that has room. RESULT_LIMIT, with the time until the
  // next day as delay.
  absl::StatusOr<bool> Take(storage::PartnerId partner, const crypto::Uuid& disclosure, const crypto::Uuid& request_id,
                            size_t bytes, absl::Time now);
  // Gives back what was taken: the result did not become durable, or was durable before.
  void GiveBack(storage::PartnerId partner, const crypto::Uuid& disclosure, const crypto::Uuid& request_id,
                size_t bytes);

 private:
  struct Key {
    crypto::Uuid id;
    friend bool operator==(const Key& a, const Key& b) { return a.id == b.id; }
    template <typename H>
    friend H AbslHashValue(H state, const Key& key) {
      return H::combine(std::move(state), key.id.bytes);
    }
  };
  struct Day {
    int64_t number = 0;  // days since the epoch, UTC
    int results = 0;
    int64_t bytes = 0;
    absl::flat_hash_map<Key, absl::InlinedVector<crypto::Uuid, 1>> requests;  // by disclosure
  };

  struct Bucket {
    double calls = 0;  // that may still be made
    absl::Time filled;
  };

  const ResultLimits limits_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Bucket> buckets_ ABSL_GUARDED_BY(mutex_);  // by partner's name
  absl::flat_hash_map<storage::PartnerId, Day> days_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::delivery
