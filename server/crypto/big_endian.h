// Integers as big-endian bytes, the way every stored and signed form here writes them.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace postern::crypto {

// The low `width` bytes of `value`.
inline std::string BigEndian(uint64_t value, size_t width) {
  std::string bytes(width, '\0');
  for (size_t i = 0; i < width; ++i) bytes[width - 1 - i] = static_cast<char>(value >> (8 * i));
  return bytes;
}

inline std::string BigEndian64(uint64_t value) {
  return BigEndian(value, 8);
}
inline std::string BigEndian32(uint32_t value) {
  return BigEndian(value, 4);
}

// The number in `bytes`, which holds at most 8.
inline uint64_t ReadBigEndian(absl::string_view bytes) {
  uint64_t value = 0;
  for (char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

}  // namespace postern::crypto
