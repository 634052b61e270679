#include "server/crypto/name_digest.h"

#include "server/crypto/big_endian.h"

namespace postern::crypto {

Sha256Digest DigestName(const HmacKey& key, NameDomain domain, absl::string_view identifier) {
  const char tag = static_cast<char>(domain);
  return key.Sign({absl::string_view(&tag, 1), identifier});
}

Sha256Digest DigestName(const HmacKey& key, NameDomain domain, absl::string_view identifier, uint64_t number) {
  const char tag = static_cast<char>(domain);
  return key.Sign({absl::string_view(&tag, 1), identifier, BigEndian64(number)});
}

}  // namespace postern::crypto
