#include "server/disclosure/content_digest.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/hkdf.h"

namespace postern::disclosure {

absl::StatusOr<storage::Hash32> KeyedContent(absl::Span<const crypto::KeyHandle> subjects,
                                             const crypto::Sha256Digest& content) {
  storage::Hash32 digest = content;
  for (const crypto::KeyHandle& subject : subjects) {
    POSTERN_ASSIGN_OR_RETURN(
        const crypto::SecretBytes keyed,
        crypto::HkdfExpand(*subject.secret, absl::StrCat("postern content digest v1", crypto::AsBytes(digest)),
                           digest.size()));
    std::memcpy(digest.data(), keyed.Reveal(crypto::SecretAccess::Granted()).data(), digest.size());
  }
  return digest;
}

}  // namespace postern::disclosure
