#include "policy/projection/digits.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "policy/projection/text_chunk.h"

namespace postern::policy {
namespace {

// The code points of digit zero, sorted; nine follows at +9 (UnicodeData.txt, category Nd).
constexpr uint32_t kZeros[] = {0x0030,  0x0660,  0x06f0,  0x07c0,  0x0966,  0x09e6,  0x0a66,  0x0ae6,  0x0b66,  0x0be6,
                               0x0c66,  0x0ce6,  0x0d66,  0x0de6,  0x0e50,  0x0ed0,  0x0f20,  0x1040,  0x1090,  0x17e0,
                               0x1810,  0x1946,  0x19d0,  0x1a80,  0x1a90,  0x1b50,  0x1bb0,  0x1c40,  0x1c50,  0xa620,
                               0xa8d0,  0xa900,  0xa9d0,  0xa9f0,  0xaa50,  0xabf0,  0xff10,  0x104a0, 0x10d30, 0x11066,
                               0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0,
                               0x11950, 0x11c50, 0x11d50, 0x11da0, 0x11f50, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8,
                               0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e950, 0x1fbf0};

// 1 for bytes that are a digit or begin one, in UTF-8; nothing of the scripts of Europe and East Asia.
constexpr auto kBegins = [] {
  std::array<uint8_t, 256> begins{};
  for (const uint32_t zero : kZeros) {
    for (uint32_t digit = zero; digit < zero + 10; ++digit) {
      begins[digit < 0x80      ? digit
             : digit < 0x800   ? 0xc0 | digit >> 6
             : digit < 0x10000 ? 0xe0 | digit >> 12
                               : 0xf0 | digit >> 18] = 1;
    }
  }
  return begins;
}();

}  // namespace

int DigitValue(uint32_t code_point) {
  if (code_point < 0x80) return code_point >= '0' && code_point <= '9' ? static_cast<int>(code_point - '0') : -1;
  const uint32_t* after = std::upper_bound(std::begin(kZeros), std::end(kZeros), code_point);
  const uint32_t value = code_point - *(after - 1);
  return value <= 9 ? static_cast<int>(value) : -1;
}

uint32_t FoldToAscii(uint32_t code_point) {
  if (code_point < 0x80) return code_point;
  if (code_point >= 0xff01 && code_point <= 0xff5e) return code_point - 0xfee0;
  const int digit = DigitValue(code_point);
  return digit < 0 ? code_point : static_cast<uint32_t>('0' + digit);
}

bool IsDigitSeparator(uint32_t code_point) {
  switch (code_point) {
    case ' ':
    case '\t':
    case '\n':
    case '\r':
    case '-':
    case '.':
    case '_':
    case 0x00a0:  // no-break space
    case 0x00ad:  // soft hyphen
    case 0x00b7:  // middle dot
    case 0x202f:  // narrow no-break space
    case 0x205f:  // medium mathematical space
    case 0x2060:  // word joiner
    case 0x2212:  // minus
    case 0x3000:  // ideographic space
    case 0xfe58:  // small em dash
    case 0xfe63:  // small hyphen-minus
    case 0xfeff:  // zero width no-break space
    case 0xff0d:  // full-width hyphen-minus
    case 0xff0e:  // full-width full stop
      return true;
    default:
      // Spaces and zero-width characters U+2000 to U+200F, hyphens and dashes U+2010 to U+2015.
      return code_point >= 0x2000 && code_point <= 0x2015;
  }
}

bool MayHoldDigits(absl::string_view text, size_t count) {
  if (text.size() < count) return false;
  size_t digits = 0;
  if (text.size() >= TextChunk::kSize) {
    // Digits in ASCII; the last chunk overlaps the one before, and counts some of them twice.
    uint32_t high = 0;
    for (size_t at = 0; at < text.size(); at += TextChunk::kSize) {
      const TextChunk chunk(text.data() + std::min(at, text.size() - TextChunk::kSize));
      digits += CountBits(chunk.Digits());
      high |= chunk.NotAscii();
    }
    if (digits >= count || high == 0) return digits >= count;
    digits = 0;
  }
  for (const char c : text) digits += kBegins[static_cast<uint8_t>(c)];
  return digits >= count;
}

bool IsPlus(uint32_t code_point) {
  return code_point == '+' || code_point == 0xff0b || code_point == 0xfe62;  // full-width, small
}

}  // namespace postern::policy
