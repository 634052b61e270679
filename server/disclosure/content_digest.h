// The digest by which a retry is known: of the whole record and its type, keyed with the DEKs of every subject, one
// after the other. Whoever destroys one of them destroys what the digest could tell about the record.
#pragma once

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/crypto/key_store.h"
#include "server/crypto/sha256.h"
#include "server/storage/store.h"

namespace postern::disclosure {

// `subjects` in the order of a disclosure's key ids.
absl::StatusOr<storage::Hash32> KeyedContent(absl::Span<const crypto::KeyHandle> subjects,
                                             const crypto::Sha256Digest& content);

}  // namespace postern::disclosure
