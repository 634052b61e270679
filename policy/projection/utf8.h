// UTF-8 as the Unicode standard defines it (table 3-7): no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"

namespace postern::policy::utf8 {

// Length in bytes of the code point that starts at text[at], or 0 if it is not well formed. Sets *code_point.
inline size_t Decode(absl::string_view text, size_t at, uint32_t* code_point) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[at + i]); };
  const auto continues = [&](size_t i) { return at + i < text.size() && (byte(i) & 0xc0) == 0x80; };
  const uint8_t lead = byte(0);
  if (lead < 0x80) {
    *code_point = lead;
    return 1;
  }
  if (lead < 0xe0) {
    if (lead < 0xc2 || !continues(1)) return 0;
    *code_point = (lead & 0x1fu) << 6 | (byte(1) & 0x3fu);
    return 2;
  }
  if (lead < 0xf0) {
    if (!continues(1) || !continues(2)) return 0;
    *code_point = (lead & 0x0fu) << 12 | (byte(1) & 0x3fu) << 6 | (byte(2) & 0x3fu);
    return *code_point < 0x800 || (*code_point >= 0xd800 && *code_point < 0xe000) ? 0 : 3;
  }
  if (lead > 0xf4 || !continues(1) || !continues(2) || !continues(3)) return 0;
  *code_point = (lead & 0x07u) << 18 | (byte(1) & 0x3fu) << 12 | (byte(2) & 0x3fu) << 6 | (byte(3) & 0x3fu);
  return *code_point < 0x10000 || *code_point > 0x10ffff ? 0 : 4;
}

inline bool IsValid(absl::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    uint64_t word;
    if (at + sizeof(word) <= text.size()) {
      std::memcpy(&word, text.data() + at, sizeof(word));
      if ((word & 0x8080808080808080u) == 0) {
        at += sizeof(word);
        continue;
      }
    }
    uint32_t code_point;
    const size_t size = Decode(text, at, &code_point);
    if (size == 0) return false;
    at += size;
  }
  return true;
}

// Number of code points of a valid text.
inline size_t CountCodePoints(absl::string_view text) {
  size_t count = 0;
  for (const char c : text) count += (static_cast<uint8_t>(c) & 0xc0) != 0x80;
  return count;
}

// Bytes that the first `count` code points of a valid text take; all of it if it has fewer.
inline size_t PrefixBytes(absl::string_view text, size_t count) {
  size_t at = 0;
  while (at < text.size()) {
    if ((static_cast<uint8_t>(text[at]) & 0xc0) != 0x80 && count-- == 0) break;
    ++at;
  }
  return at;
}

}  // namespace postern::policy::utf8
