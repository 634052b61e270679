// Keyed digests that stand for identifiers in indexes and key names.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "server/crypto/hmac.h"

namespace postern::crypto {

// What kind of identifier is digested, so that equal strings of different kinds never meet. Numbers are stored; never
// reuse one.
enum class NameDomain : uint8_t {
  kSubject = 1,
  kOrder = 2,
  kPartnerEpoch = 3,
  kPartner = 4,
  kRecordKey = 5,
  kContact = 6,
  kRequestContent = 7,
  kGateway = 8,
};

// HMAC(key, domain ‖ identifier).
Sha256Digest DigestName(const HmacKey& key, NameDomain domain, absl::string_view identifier);

// HMAC(key, domain ‖ identifier ‖ number as 8 bytes big-endian), for identifiers that come with an epoch or a counter.
Sha256Digest DigestName(const HmacKey& key, NameDomain domain, absl::string_view identifier, uint64_t number);

}  // namespace postern::crypto
