// Appending to the output in canonical wire format.
#pragma once

#include <cstdint>
#include <string>

namespace postern::policy::wire {

inline size_t VarintSize(uint64_t value) {
  size_t size = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++size;
  }
  return size;
}

// Writes `value` to `to`, which has room for it; returns the end.
inline char* WriteVarint(uint64_t value, char* to) {
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}

inline void AppendVarint(uint64_t value, std::string* out) {
  char buffer[10];
  out->append(buffer, static_cast<size_t>(WriteVarint(value, buffer) - buffer));
}

inline void AppendFixed32(uint64_t value, std::string* out) {
  const uint32_t raw = static_cast<uint32_t>(value);
  out->append(reinterpret_cast<const char*>(&raw), 4);
}

inline void AppendFixed64(uint64_t value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), 8);
}

// A length-delimited value whose length is known only after it is written. The length takes the width that `expected`
// would need; when it comes out wider or narrower, the value moves once.
class Delimited {
 public:
  Delimited(std::string* out, uint64_t expected) : out_(out), at_(out->size()), width_(VarintSize(expected)) {
    out->append(width_, '\0');
  }
  // Everything appended since construction is the value.
  void Close() {
    const uint64_t size = out_->size() - at_ - width_;
    const size_t width = VarintSize(size);
    if (width != width_) out_->replace(at_, width_, width, '\0');
    WriteVarint(size, out_->data() + at_);
  }
  size_t begin() const { return at_ + width_; }

 private:
  std::string* out_;
  size_t at_;
  size_t width_;
};

}  // namespace postern::policy::wire
