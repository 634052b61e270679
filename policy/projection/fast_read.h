// What the fast walk reads at almost every field: the same checks as in wire.h, in fewer instructions for what is
// usual.
#pragma once

#include <cstdint>
#include <cstring>

#include "absl/base/optimization.h"
#include "policy/projection/fast_plan.h"
#include "policy/projection/text_chunk.h"
#include "policy/projection/wire.h"

namespace postern::policy::fast {

// By masks of a text's bytes. A card number is digits parted by what is no letter, so 13 such bytes have to follow
// one another; digits outside ASCII take two bytes or more.
inline bool MayHoldCardNumber(uint32_t no_letters, uint32_t digits, uint32_t not_ascii) {
  uint32_t runs = no_letters & no_letters >> 1;
  runs &= runs >> 2;
  runs &= runs >> 4;
  runs &= runs >> 5;  // 1 + 1 + 2 + 4 + 5
  return runs != 0 && CountBits(digits) + CountBits(not_ascii) / 2 >= kCardDigits;
}

inline const char* SkipVarint(const char* p, const char* end) {
  if (ABSL_PREDICT_TRUE(p != end && static_cast<uint8_t>(*p) < 0x80)) return p + 1;
  uint64_t ignored;
  return wire::ReadVarint(p, end, &ignored);
}

// The end of a varint that needs no second look: of at most 8 bytes, all of which can be read, minimal and not zero;
// a narrow one below 2^31. Null: CheckVarint has to say.
inline const char* EndOfPlainVarint(const char* p, bool narrow) {
  uint64_t word;
  std::memcpy(&word, p, sizeof(word));
  const uint64_t last = ~word & 0x8080808080808080u;  // bytes that end a varint
  if (ABSL_PREDICT_FALSE(last == 0)) return nullptr;
  const auto before = static_cast<unsigned>(__builtin_ctzll(last)) & ~7u;  // bits of the bytes before the last
  const uint64_t top = word >> before & 0x7f;
  if (ABSL_PREDICT_FALSE(top == 0)) return nullptr;
  if (narrow && ABSL_PREDICT_FALSE(before >= 32 && (before > 32 || top > 7))) return nullptr;
  return p + before / 8 + 1;
}

// Up to two bytes in line: most lengths take no more.
inline const char* ReadLength(const char* p, const char* end, size_t* size) {
  if (ABSL_PREDICT_FALSE(p == end)) return nullptr;
  size_t length = static_cast<uint8_t>(*p++);
  if (length >= 0x80) {
    if (ABSL_PREDICT_FALSE(p == end || static_cast<uint8_t>(*p) - 1u >= 0x7f)) {
      uint64_t wide;
      p = wire::ReadLength(p - 1, end, &wide);
      *size = wide;
      return p;
    }
    length = (length & 0x7f) | static_cast<size_t>(static_cast<uint8_t>(*p++)) << 7;
  }
  *size = length;
  return ABSL_PREDICT_TRUE(length <= static_cast<size_t>(end - p)) ? p : nullptr;
}

}  // namespace postern::policy::fast
