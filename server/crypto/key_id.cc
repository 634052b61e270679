#include "server/crypto/key_id.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "server/crypto/errors.h"

namespace postern::crypto {
namespace {

constexpr size_t kNameOffset = 3;

}  // namespace

KeyId::KeyId(KeyKind kind, KeyRealm realm, const KeyName& name, uint8_t incarnation) {
  bytes_[0] = static_cast<uint8_t>(kind);
  bytes_[1] = static_cast<uint8_t>(realm);
  bytes_[2] = incarnation;
  std::copy_n(name.begin(), kSize - kNameOffset, bytes_.begin() + kNameOffset);
}

absl::StatusOr<KeyId> KeyId::FromBytes(absl::string_view bytes) {
  if (bytes.size() != kSize) return errors::Malformed("a key id has 16 bytes");
  KeyId id;
  std::copy(bytes.begin(), bytes.end(), id.bytes_.begin());
  if (id.bytes_[0] < static_cast<uint8_t>(KeyKind::kSubject) ||
      id.bytes_[0] > static_cast<uint8_t>(KeyKind::kGateway) ||
      id.bytes_[1] > static_cast<uint8_t>(KeyRealm::kMinors)) {
    return errors::Malformed("a key id of unknown kind or realm");
  }
  return id;
}

KeyId KeyId::InRealm(KeyRealm realm) const {
  KeyId id = WithIncarnation(0);
  id.bytes_[1] = static_cast<uint8_t>(realm);
  return id;
}

KeyId KeyId::WithIncarnation(uint8_t incarnation) const {
  KeyId other = *this;
  other.bytes_[2] = incarnation;
  return other;
}

std::string KeyId::ToHex() const {
  return absl::BytesToHexString(AsBytes());
}

}  // namespace postern::crypto
