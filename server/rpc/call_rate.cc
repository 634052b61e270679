#include "server/rpc/call_rate.h"

#include <algorithm>

#include "proto/errors/error.h"

namespace postern::rpc {
namespace {

constexpr double kBurstSeconds = 2;

}  // namespace

absl::Status CallRate::Take(absl::string_view principal, absl::Time now) {
  const double most = per_second_ * kBurstSeconds;
  absl::MutexLock lock(&mutex_);
  const auto [it, fresh] = buckets_.try_emplace(principal, Bucket{most, now});
  Bucket& bucket = it->second;
  // A clock that was set back fills nothing.
  const double seconds = std::max(0.0, absl::ToDoubleSeconds(now - bucket.filled));
  bucket.calls = std::min(most, bucket.calls + seconds * per_second_);
  bucket.filled = now;
  if (bucket.calls < 1) return MakeError(v1::ERROR_REASON_OVERLOADED, "this principal calls too often");
  --bucket.calls;
  return absl::OkStatus();
}

}  // namespace postern::rpc
