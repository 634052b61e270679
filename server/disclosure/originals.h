// What a request has committed before. A commit finds that out by itself; this is for the retry that does not get so
// far, because its partner was revoked, its contract replaced or its record became refusable since: the answer is the
// original's all the same.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "server/crypto/key_store.h"
#include "server/crypto/sha256.h"
#include "server/storage/store.h"

namespace postern::disclosure {

// Thread-safe.
class Originals {
 public:
  // Borrows the parts.
  Originals(storage::Store* store, crypto::KeyStore* keys) : store_(store), keys_(keys) {}

  // The original, if the request has committed `content` to its target; nothing if it has committed nothing there, or
  // if that can no longer be told because a subject's key is destroyed. REQUEST_ID_REUSED if it has committed other
  // content; LEDGER_UNAVAILABLE. Blocks on a read of the store.
  absl::StatusOr<std::optional<storage::CommitResult>> Find(const storage::RequestKey& request,
                                                            const crypto::Sha256Digest& content) const;

 private:
  storage::Store* const store_;
  crypto::KeyStore* const keys_;
};

}  // namespace postern::disclosure
