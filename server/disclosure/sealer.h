// Seal: makes the keys of a group in one key store transaction, then seals every entry under its own payload key.
//
// The audit leaf of a disclosure commits, under a fresh salt, to its private part:
//   number of subjects (4 bytes, big-endian) ‖ their index values (16 bytes each) ‖ index value of the record key
//   (16 bytes) ‖ projected record
// The salt is sealed, and the content digest of idempotency keyed, with the secret of all subjects (subjects_secret.h).
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "proto/postern/v1/audit.pb.h"
#include "server/crypto/key_store.h"
#include "server/crypto/uuid7.h"
#include "server/disclosure/entry.h"

namespace postern::disclosure {

// Not thread-safe: the committing thread's.
class Sealer {
 public:
  explicit Sealer(crypto::KeyStore* keys) : keys_(keys) {}

  // Completes the rows of `group`. An entry that cannot be sealed (KEY_SHREDDED) has it in result.status, the others
  // have OK there. Not OK: the key store could not be written, nothing of the group may be committed, and it is safe to
  // try again; keys that were made without being used are found then.
  absl::Status Seal(absl::Span<Entry* const> group, absl::Time now);

 private:
  absl::Status SealEntry(absl::Span<const crypto::KeyRequest> requests, const crypto::SecretBytes& salt, absl::Time now,
                         Entry* entry);

  // The public part of an entry's audit leaf.
  std::string Metadata(const Entry& entry);

  crypto::KeyStore* const keys_;
  crypto::Uuid7Generator ids_;
  v1::AuditEntry audit_;  // of the last entry; used again for the memory that it has
};

}  // namespace postern::disclosure
