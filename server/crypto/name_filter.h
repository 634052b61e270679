// Tells of most names that a run does not hold them, without looking into the run: a Bloom filter whose bits of one
// name lie in one cache line (Putze, Sanders, Singler: Cache-, Hash- and Space-Efficient Bloom Filters, 2007). It says
// "maybe" of 1 to 2 in 100 names that are not there, and of every one that is.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "server/crypto/key_id.h"

namespace postern::crypto {

// Thread-safe while const.
class NameFilter {
 public:
  // For this many names; 10 bits each.
  explicit NameFilter(size_t names);
  // From Bytes.
  explicit NameFilter(absl::string_view bytes) : bits_(bytes) {}

  // Names are digests, so their own bits choose the places.
  void Add(const KeyId& name);
  bool MayHold(const KeyId& name) const;

  absl::string_view Bytes() const { return bits_; }

 private:
  std::string bits_;
};

}  // namespace postern::crypto
