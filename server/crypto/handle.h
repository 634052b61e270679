// The name by which a partner knows a disclosure.
#pragma once

#include "absl/strings/string_view.h"
#include "server/crypto/hmac.h"

namespace postern::crypto {

// HMAC(handle key of the partner, purpose ‖ 0x00 ‖ record key), 32 bytes. Equal for every version of one record at one
// partner and purpose; unlinkable between partners. A purpose is an identifier and holds no zero byte, so the encoding
// is injective.
Sha256Digest MakeHandle(const HmacKey& partner_handle_key, absl::string_view purpose, absl::string_view record_key);

}  // namespace postern::crypto
