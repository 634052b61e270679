// One target of one request on its way: resolved and projected by the caller's thread, sealed and committed by the
// committer's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/crypto/key_id.h"
#include "server/crypto/sha256.h"
#include "server/disclosure/release.h"
#include "server/registry/snapshot.h"
#include "server/storage/store.h"

namespace postern::disclosure {

// A DEK that an entry needs, by name: it may not exist yet.
struct KeyWish {
  crypto::KeyKind kind = crypto::KeyKind::kSubject;
  crypto::KeyRealm realm = crypto::KeyRealm::kStandard;
  crypto::KeyName name{};
};

struct Entry {
  // What is committed. Sealing fills in id, time, key_ids, sealed_payload, content_digest, sealed_salt and audit_leaf.
  storage::NewDisclosure row;
  // The projected record; shared with delivery, so that a live partner's record is never unsealed.
  std::shared_ptr<const std::string> bytes;
  // Digest of what was asked: the full record and its type. Stored only under the subjects' keys.
  crypto::Sha256Digest content{};
  // Subjects first, without repeats; the order last.
  std::vector<KeyWish> keys;
  std::string principal;  // name, for the audit entry

  // Under what it was resolved. The snapshot keeps the two pointers alive.
  std::shared_ptr<const registry::Snapshot> snapshot;
  const registry::PartnerView* partner = nullptr;
  const registry::ActiveGrant* grant = nullptr;
  // Of the partner's fence at that time: what is handed over under this entry must enter at this generation.
  uint64_t fence_generation = 0;

  // Set by the sealer: KeyStore::shreds before the keys were found.
  uint64_t shreds = 0;

  // Set by the committer.
  storage::CommitResult result;
};

}  // namespace postern::disclosure
