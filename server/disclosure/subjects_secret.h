// What can be computed only while the DEK of every subject of a disclosure lives: whoever destroys one of them destroys
// what is sealed or keyed with it.
//   secret = HKDF-Extract("postern subjects v1", DEKs in the order of the disclosure's key ids)
//   key of the salt's envelope and its commitment = HKDF-Expand(secret, "postern audit salt v1" ‖ disclosure id, 48)
//   content digest = HKDF-Expand(secret, "postern content digest v1" ‖ SHA-256 of what was asked, 32)
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/crypto/hkdf.h"
#include "server/crypto/key_store.h"
#include "server/crypto/sha256.h"
#include "server/crypto/uuid7.h"
#include "server/storage/store.h"

namespace postern::disclosure {

// Thread-safe: immutable.
class SubjectsSecret {
 public:
  explicit SubjectsSecret(absl::Span<const crypto::KeyHandle> subjects);

  // The digest by which a retry is known: of the whole record and its type.
  absl::StatusOr<storage::Hash32> KeyedContent(const crypto::Sha256Digest& content) const;
  // The salt of an audit leaf's commitment.
  absl::StatusOr<std::string> SealSalt(const crypto::Uuid& id, absl::string_view salt) const;

 private:
  const crypto::HkdfKey secret_;
};

}  // namespace postern::disclosure
