// The living KEK generations, unwrapped, and what they wrap.
//
// Wrapped forms (ENVELOPE.md): a KEK under its root version, a block of DEKs under its KEK; XAES-256-GCM with
// everything that identifies the keys as associated data, so that no stored key can stand in for another.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/crypto/key_id.h"
#include "server/crypto/root_keyset.h"
#include "server/crypto/secret.h"

namespace postern::crypto {

inline constexpr size_t kDekSize = 32;
// Where the first key stands in a wrapped block, and how long one of so many keys is: nonce, keys, tag.
inline constexpr size_t kWrappedKeysOffset = 24;
inline constexpr size_t WrappedSize(size_t keys) {
  return kWrappedKeysOffset + keys * kDekSize + 16;
}

// A KEK as it is stored.
struct StoredKek {
  KeyRealm realm = KeyRealm::kStandard;
  uint32_t generation = 0;
  uint32_t root_version = 0;
  std::string wrapped;
};

// Not thread-safe.
class KekRing {
 public:
  // Makes the KEK of a new generation for one realm, unwrapped in memory nowhere: Add it after it is stored.
  static absl::StatusOr<StoredKek> MakeKek(const RootKeyset& root, KeyRealm realm, uint32_t generation);

  // Unwraps and keeps a stored KEK. FAILED_PRECONDITION, naming `root_path`, if `root` cannot unwrap it.
  absl::Status Add(const StoredKek& kek, const RootKeyset& root, absl::string_view root_path);
  void Remove(uint32_t generation);

  // The newest generation; new keys are wrapped by it. 0 if there is none.
  uint32_t current() const { return keks_.empty() ? 0 : keks_.rbegin()->first.first; }
  std::vector<uint32_t> Generations() const;

  // Wraps keys of one realm, whose ids are `ids` one after another and whose bytes are `keys`, under the current
  // generation.
  absl::StatusOr<std::string> Wrap(absl::string_view ids, const SecretBytes& keys) const;
  // DATA_LOSS if the bytes were not made by Wrap for these ids and this generation.
  absl::StatusOr<SecretBytes> Unwrap(absl::string_view ids, uint32_t generation, absl::string_view wrapped) const;

 private:
  const SecretBytes* Find(uint32_t generation, KeyRealm realm) const;

  std::map<std::pair<uint32_t, KeyRealm>, SecretBytes> keks_;
};

}  // namespace postern::crypto
