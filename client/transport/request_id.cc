#include "client/transport/request_id.h"

#include <array>
#include <cstdint>
#include <cstdlib>

#include <openssl/rand.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace postern::client {

std::string NewRequestId(absl::Time now) {
  std::array<uint8_t, 16> id;
  // Without randomness ids would collide and answers would be another request's.
  if (RAND_bytes(id.data(), static_cast<int>(id.size())) != 1) std::abort();
  const auto ms = static_cast<uint64_t>(absl::ToUnixMillis(now));
  for (int i = 0; i < 6; ++i) id[static_cast<size_t>(i)] = static_cast<uint8_t>(ms >> (40 - 8 * i));
  id[6] = static_cast<uint8_t>((id[6] & 0x0f) | 0x70);
  id[8] = static_cast<uint8_t>((id[8] & 0x3f) | 0x80);
  const std::string hex =
      absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(id.data()), id.size()));
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-", hex.substr(16, 4), "-",
                      hex.substr(20));
}

}  // namespace postern::client
