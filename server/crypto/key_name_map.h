// What is kept by the name of a key.
#pragma once

#include <cstdint>
#include <cstring>

#include "absl/container/flat_hash_map.h"
#include "server/crypto/key_id.h"

namespace postern::crypto {

// The end of an id is of a keyed digest, which nobody who asks can choose: it is a hash already.
struct KeyNameHash {
  size_t operator()(const KeyId& id) const {
    uint64_t word = 0;
    std::memcpy(&word, id.bytes().data() + KeyId::kSize - sizeof(word), sizeof(word));
    return word;
  }
};

struct KeyNameEqual {
  bool operator()(const KeyId& a, const KeyId& b) const {
    uint64_t words[2][2];
    std::memcpy(words[0], a.bytes().data(), KeyId::kSize);
    std::memcpy(words[1], b.bytes().data(), KeyId::kSize);
    return words[0][0] == words[1][0] && words[0][1] == words[1][1];
  }
};

// Keyed by ids of the same incarnation, 0 by convention.
template <typename Value>
using KeyNameMap = absl::flat_hash_map<KeyId, Value, KeyNameHash, KeyNameEqual>;

}  // namespace postern::crypto
