#include "server/crypto/handle.h"

namespace postern::crypto {

Sha256Digest MakeHandle(const HmacKey& partner_handle_key, absl::string_view purpose, absl::string_view record_key) {
  return partner_handle_key.Sign({purpose, absl::string_view("\0", 1), record_key});
}

}  // namespace postern::crypto
