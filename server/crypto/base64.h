// Strict base64 (RFC 4648, section 4): one encoding for each value, so that signed text cannot be varied.
#pragma once

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace postern::crypto {

// False unless `text` is exactly what Base64Escape makes of the bytes put into `bytes`.
inline bool DecodeBase64(absl::string_view text, std::string* bytes) {
  return absl::Base64Unescape(text, bytes) && absl::Base64Escape(*bytes) == text;
}

}  // namespace postern::crypto
