// The answers of a batch of records.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "google/protobuf/arena.h"
#include "proto/postern/v1/storefront_service.pb.h"

namespace postern::disclosure {

// In the order of the requests. The answers live on the arena: a message of each would be made and unmade piece by
// piece, and often on different threads. Not thread-safe.
struct BatchAnswers {
  // Without answers, with room for `count`.
  static BatchAnswers WithRoomFor(size_t count);
  v1::DisclosureAnswer& Add();

  std::unique_ptr<google::protobuf::Arena> arena;
  std::vector<v1::DisclosureAnswer*> answers;
};

}  // namespace postern::disclosure
