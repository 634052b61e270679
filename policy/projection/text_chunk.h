// 32 bytes at a time: copied, and looked at on the way. What is asked of a text in the usual case (is it ASCII, can it
// hold a card number) is answered by masks of the bytes that are being copied anyway.
//
// SSE2 is part of every x86-64; elsewhere the same masks come from 64-bit words.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace postern::policy {

// Number of bits set; every x86-64 can do this, while not every one has an instruction for it.
inline unsigned CountBits(uint32_t bits) {
  bits -= bits >> 1 & 0x55555555u;
  bits = (bits & 0x33333333u) + (bits >> 2 & 0x33333333u);
  return (((bits + (bits >> 4)) & 0x0f0f0f0fu) * 0x01010101u) >> 24;
}

// In every mask bit i stands for byte i.
class PortableTextChunk {
 public:
  static constexpr size_t kSize = 32;

  // Reads and writes all of kSize bytes.
  explicit PortableTextChunk(const char* from) { std::memcpy(words_.data(), from, kSize); }
  void Store(char* to) const { std::memcpy(to, words_.data(), kSize); }

  uint32_t NotAscii() const {
    return Gather([](uint64_t word) { return word; });
  }
  uint32_t Digits() const { return Within<'0', 10>(0); }
  // ASCII letters.
  uint32_t Letters() const { return Within<'a', 26>(0x20); }

 private:
  static constexpr uint64_t kLow7 = 0x7f7f7f7f7f7f7f7fu;
  static constexpr uint64_t kEach = 0x0101010101010101u;
  // Bytes that, with the bits of `fold` set, are one of `kCount` from `kFirst` on. Per byte and without carries: bit 7
  // of (b + 128 - first) is set from `kFirst` on, of (b + 128 - first - count) behind the last, for ASCII bytes.
  template <uint8_t kFirst, uint8_t kCount>
  uint32_t Within(uint8_t fold) const {
    return Gather([fold](uint64_t word) {
      const uint64_t low = (word | kEach * fold) & kLow7;
      return ((low + kEach * (0x80 - kFirst)) & ~(low + kEach * (0x80 - kFirst - kCount))) & ~word;
    });
  }
  // The top bits of the 32 bytes that `of` makes of the four words.
  template <typename Of>
  uint32_t Gather(Of&& of) const {
    uint32_t mask = 0;
    for (size_t i = 0; i < words_.size(); ++i) {
      const uint64_t tops = (of(words_[i]) & ~kLow7) >> 7;
      mask |= static_cast<uint32_t>((tops * 0x0102040810204080u) >> 56) << (8 * i);
    }
    return mask;
  }

  std::array<uint64_t, 4> words_;
};

#if defined(__SSE2__)

class TextChunk {
 public:
  static constexpr size_t kSize = 32;

  explicit TextChunk(const char* from)
      : low_(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))),
        high_(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 16))) {}
  void Store(char* to) const {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), low_);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 16), high_);
  }

  uint32_t NotAscii() const { return Mask(low_, high_); }
  uint32_t Digits() const { return Within<'0', 10>(0); }
  uint32_t Letters() const { return Within<'a', 26>(0x20); }

 private:
  static uint32_t Mask(__m128i low, __m128i high) {
    return static_cast<uint32_t>(_mm_movemask_epi8(low)) | static_cast<uint32_t>(_mm_movemask_epi8(high)) << 16;
  }
  // Compares signed bytes, so that the first of those that are looked for becomes -128.
  template <char kFirst, int kCount>
  uint32_t Within(char fold) const {
    const __m128i bits = _mm_set1_epi8(fold), shift = _mm_set1_epi8(static_cast<char>(0x80 - kFirst));
    const __m128i limit = _mm_set1_epi8(static_cast<char>(-128 + kCount));
    return Mask(_mm_cmplt_epi8(_mm_add_epi8(_mm_or_si128(low_, bits), shift), limit),
                _mm_cmplt_epi8(_mm_add_epi8(_mm_or_si128(high_, bits), shift), limit));
  }

  __m128i low_, high_;
};

#else

using TextChunk = PortableTextChunk;

#endif

}  // namespace postern::policy
