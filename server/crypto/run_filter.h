// Tells of most names that a run does not hold them, without looking into the run: a Bloom filter whose bits of one
// name lie in one cache line (Putze, Sanders, Singler: Cache-, Hash- and Space-Efficient Bloom Filters, 2007). It says
// "maybe" of 1 to 2 in 100 names that are not there, and of every one that is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace postern::crypto {

// Thread-safe while const.
class RunFilter {
 public:
  // For this many names; 10 bits each.
  explicit RunFilter(size_t names);
  // From Bytes.
  explicit RunFilter(absl::string_view bytes) : bits_(bytes) {}

  using Name = std::array<uint8_t, 16>;
  // The last 12 bytes of a name are of a digest: they choose the places.
  void Add(const Name& name);
  bool MayHold(const Name& name) const;

  absl::string_view Bytes() const { return bits_; }

 private:
  std::string bits_;
};

}  // namespace postern::crypto
