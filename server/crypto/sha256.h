// SHA-256 (FIPS 180-4). Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/strings/string_view.h"

namespace postern::crypto {

using Sha256Digest = std::array<uint8_t, 32>;

// Digest of the concatenation of `parts`.
Sha256Digest Sha256(std::initializer_list<absl::string_view> parts);
inline Sha256Digest Sha256(absl::string_view bytes) {
  return Sha256({bytes});
}

inline absl::string_view AsBytes(const Sha256Digest& digest) {
  return absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size());
}

// Equality in constant time; false if the sizes differ.
bool ConstantTimeEquals(absl::string_view a, absl::string_view b);

}  // namespace postern::crypto
