// What names a data encryption key.
//
// A key id is computed from the key's name, so that the key store needs one B-tree and no column for the name:
//   byte 0       kind
//   byte 1       realm
//   byte 2       incarnation: how often the name was shredded and given a new key
//   bytes 3..15  the first 104 bits of the name
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/crypto/sha256.h"

namespace postern::crypto {

// What a key protects. Numbers are stored; never reuse one.
enum class KeyKind : uint8_t {
  kSubject = 1,       // everything that concerns one data subject; shredded by erasure
  kOrder = 2,         // everything of one order; shredded by retention
  kPartnerEpoch = 3,  // everything released to one partner in one epoch; shredded by termination
  kPseudonym = 4,     // a partner's pseudonyms; shredded by termination
  kHandle = 5,        // a partner's handles; shredded when its deletion campaign closes
  kGateway = 6,       // the gateway's own sealed state that concerns no subject
};

// Which root the key hangs from.
enum class KeyRealm : uint8_t { kStandard = 0, kMinors = 1 };

// A keyed digest (HMAC under KeyStore::index_key) of what the key is for. Never a plaintext identifier.
using KeyName = Sha256Digest;

class KeyId {
 public:
  static constexpr size_t kSize = 16;

  KeyId() = default;
  KeyId(KeyKind kind, KeyRealm realm, const KeyName& name, uint8_t incarnation);

  // From the 16 bytes of AsBytes; INVALID_ARGUMENT for another size or an unknown kind or realm.
  static absl::StatusOr<KeyId> FromBytes(absl::string_view bytes);

  KeyKind kind() const { return static_cast<KeyKind>(bytes_[0]); }
  KeyRealm realm() const { return static_cast<KeyRealm>(bytes_[1]); }
  uint8_t incarnation() const { return bytes_[2]; }
  // The same name with another incarnation.
  KeyId WithIncarnation(uint8_t incarnation) const;
  // The same name's first incarnation in a realm.
  KeyId InRealm(KeyRealm realm) const;

  const std::array<uint8_t, kSize>& bytes() const { return bytes_; }
  absl::string_view AsBytes() const { return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}; }
  std::string ToHex() const;

  friend bool operator==(const KeyId& a, const KeyId& b) { return a.bytes_ == b.bytes_; }
  friend bool operator!=(const KeyId& a, const KeyId& b) { return a.bytes_ != b.bytes_; }
  friend bool operator<(const KeyId& a, const KeyId& b) { return a.bytes_ < b.bytes_; }
  template <typename H>
  friend H AbslHashValue(H state, const KeyId& id) {
    return H::combine(std::move(state), id.bytes_);
  }

 private:
  std::array<uint8_t, kSize> bytes_{};
};

}  // namespace postern::crypto
