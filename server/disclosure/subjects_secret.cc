#include "server/disclosure/subjects_secret.h"

#include <cstring>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/aead.h"

namespace postern::disclosure {
namespace {

const crypto::HmacState& Salt() {
  static const crypto::HmacState* const salt = new crypto::HmacState("postern subjects v1");
  return *salt;
}

crypto::SecretBytes Extract(absl::Span<const crypto::KeyHandle> subjects) {
  absl::InlinedVector<const crypto::SecretBytes*, 4> material;
  for (const crypto::KeyHandle& subject : subjects) material.push_back(subject.secret.get());
  return crypto::HkdfExtract(Salt(), material);
}

}  // namespace

SubjectsSecret::SubjectsSecret(absl::Span<const crypto::KeyHandle> subjects) : secret_(Extract(subjects)) {}

absl::StatusOr<storage::Hash32> SubjectsSecret::KeyedContent(const crypto::Sha256Digest& content) const {
  storage::Hash32 digest{};
  POSTERN_ASSIGN_OR_RETURN(
      const crypto::SecretBytes keyed,
      secret_.Expand(absl::StrCat("postern content digest v1", crypto::AsBytes(content)), digest.size()));
  std::memcpy(digest.data(), keyed.Reveal(crypto::SecretAccess::Granted()).data(), digest.size());
  return digest;
}

absl::StatusOr<std::string> SubjectsSecret::SealSalt(const crypto::Uuid& id, absl::string_view salt) const {
  const std::string context = absl::StrCat("postern audit salt v1", id.AsBytes());
  crypto::SingleUseKey key;
  POSTERN_ASSIGN_OR_RETURN(const crypto::SecretBytes output,
                           secret_.Expand(context, crypto::kAeadKeySize + sizeof(crypto::EnvelopeKeyName)));
  const absl::string_view bytes = output.Reveal(crypto::SecretAccess::Granted());
  key.key = crypto::SecretBytes::CopyOf(bytes.substr(0, crypto::kAeadKeySize));
  std::memcpy(key.commitment.data(), bytes.data() + crypto::kAeadKeySize, key.commitment.size());
  return crypto::SealOnce(key, context, salt);
}

}  // namespace postern::disclosure
