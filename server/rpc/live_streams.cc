#include "server/rpc/live_streams.h"

#include <utility>
#include <vector>

namespace postern::rpc {

LiveStreams::Id LiveStreams::Add(std::function<void()> end) {
  bool ended = false;
  Id id = 0;
  {
    absl::MutexLock lock(&mutex_);
    ended = ended_;
    id = next_++;
    if (!ended) streams_[id] = std::move(end);
  }
  if (ended) end();
  return id;
}

void LiveStreams::Remove(Id id) {
  absl::MutexLock lock(&mutex_);
  streams_.erase(id);
}

void LiveStreams::EndAll() {
  std::vector<std::function<void()>> all;
  {
    absl::MutexLock lock(&mutex_);
    ended_ = true;
    for (const auto& [id, end] : streams_) all.push_back(end);
  }
  for (const auto& end : all) end();
}

}  // namespace postern::rpc
