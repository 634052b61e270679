// The key store: root keyset → KEK generations → data encryption keys (DEKs), in an SQLite file of its own.
//
// It is apart from the data store and has its own backup, so that restoring data never restores a destroyed key. On
// disk every key is wrapped (ENVELOPE.md); unwrapped keys live in memory only, in a bounded cache. The file is locked:
// one process, one connection.
//
// A shredded key is gone at once for this process and for every later one (EFFECTIVE); it is gone from backups of the
// file too (FINAL) when the last KEK generation that wrapped it is destroyed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/crypto/hmac.h"
#include "server/crypto/key_id.h"
#include "server/crypto/secret.h"

namespace postern::crypto {

struct KeyStoreOptions {
  // The SQLite file. Created with mode 0600 if `create_if_missing`.
  std::string path;
  // The root keysets; see root_keyset.h. Must exist; two different files.
  std::string root_keyset_path;
  std::string minors_root_keyset_path;
  bool create_if_missing = false;
  // What was shredded, apart from the file (tombstone_log.h): best on another disk than the file's backups. Empty: the
  // file's name with ".tombstones" behind it.
  std::string tombstone_log_path;
  // Instance of the ledger whose keys these are. The first one that is named is kept in the file; any other is refused
  // from then on. Empty: not looked at.
  std::string ledger;
  // How many unwrapped keys are kept in memory, about 250 bytes each.
  size_t cache_capacity = 65536;
  // How many names of new keys wait in memory, about 50 bytes each, to be written as one sorted run: the larger, the
  // fewer runs a lookup asks and the less is merged, and the more rows a start reads.
  size_t name_batch = 32768;
};

// An unwrapped 32-byte key. Holding it keeps it usable even if it is shredded meanwhile: hold it for one operation
// only.
struct KeyHandle {
  KeyId id;
  std::shared_ptr<const SecretBytes> secret;
};

// One key asked of EnsureKeys, and what became of it.
struct KeyRequest {
  KeyKind kind = KeyKind::kSubject;
  KeyRealm realm = KeyRealm::kStandard;
  KeyName name{};
  // Whether a name whose key was shredded may get a new key (a returning customer); otherwise the result is
  // KEY_SHREDDED.
  bool allow_new_after_shred = false;

  // Set by EnsureKeys: the key, KEY_SHREDDED, or DATA_LOSS. UNKNOWN before.
  absl::StatusOr<KeyHandle> result = absl::StatusOr<KeyHandle>();
};

// A destroyed key.
struct KeyTombstone {
  uint64_t sequence = 0;  // grows by the order of shredding, from 1
  KeyId id;
  absl::Time shredded_at;
  // The newest KEK generation of the key's realm at that time: FINAL when no generation up to this one lives.
  uint32_t last_generation = 0;
};

// A generation of KEKs, one of each realm.
struct KeyGeneration {
  uint32_t number = 0;
  absl::Time created;
  absl::Time destroyed = absl::InfiniteFuture();  // that: it lives
  uint32_t root_version = 0;
  uint32_t minors_root_version = 0;
};

// All methods are thread-safe. Storage failures are LEDGER_UNAVAILABLE (without keys nothing can be accounted for); a
// stored key that does not unwrap is DATA_LOSS.
class KeyStore {
 public:
  // Opens the store, creating it if so asked. FAILED_PRECONDITION if a root keyset is exposed to others or is not the
  // one the store was made with, if the store is another ledger's, if the tombstone log is missing, or if another
  // process has it; NOT_FOUND if a file is missing. A file from before keys were shredded is brought up to date: see
  // shredded_again. DATA_LOSS if it cannot be.
  static absl::StatusOr<std::unique_ptr<KeyStore>> Open(const KeyStoreOptions& options);
  ~KeyStore();

  // Says that the store at `path`, which nobody has open, holds the keys of the ledger `to` from now on: the same ledger
  // as `from`, under another name. Durable when it returns. FAILED_PRECONDITION if it is bound to neither; an empty
  // `from` is any.
  static absl::Status Rebind(const std::string& path, absl::string_view from, absl::string_view to);

  // Finds or creates the key of every request. New keys are durable when this returns: one transaction and one fsync
  // for all of them, none if all exist. Equal requests get one key. An error status means that no result is valid and
  // that it is safe to ask again.
  absl::Status EnsureKeys(absl::Span<KeyRequest> requests);

  // The key `id`; KEY_SHREDDED if it was destroyed, NOT_FOUND if it never was.
  absl::StatusOr<KeyHandle> Get(const KeyId& id);

  // The living key's id; KEY_SHREDDED or NOT_FOUND as for Get.
  absl::StatusOr<KeyId> Find(KeyKind kind, KeyRealm realm, const KeyName& name);

  // Grows with every call of Shred, before it returns: while it is unchanged, so is every key that was found.
  uint64_t shreds() const;

  // How many keys the tombstone log had to destroy again when the store was opened: not 0 if the file is an old copy.
  uint64_t shredded_again() const;

  // Destroys keys, all or none, durably when this returns. An id that is destroyed already is skipped; one that never
  // was gets its tombstone too, so that no key is ever made for its name (but see allow_new_after_shred). After an
  // error ask again: the keys may be destroyed, and the tombstone log not know it yet. The bytes leave the file and its
  // log soon after: see Scrub.
  absl::Status Shred(absl::Span<const KeyId> ids, absl::Time now);

  // Returns when no wrapped byte of any shredded key is left in the file or its log. Shred starts the same work in the
  // background.
  absl::Status Scrub();

  // Tombstones with a sequence above `after`, oldest first, at most `limit`.
  absl::StatusOr<std::vector<KeyTombstone>> ListTombstones(uint64_t after, size_t limit);

  // The key of digests that name things (name_digest.h). Made with the store and never changed.
  const HmacKey& index_key() const;

  // Starts a KEK generation of each realm under the newest root version and returns its number; new keys use it.
  absl::StatusOr<uint32_t> StartGeneration(absl::Time now);
  // Looks at the next `limit` blocks of keys and wraps those of older generations anew, in one transaction. False when
  // it has looked at all that there were; after a restart it begins with the first again.
  absl::StatusOr<bool> RewrapSome(int limit);
  // Destroys a generation of both realms; FAILED_PRECONDITION while a living key needs it.
  absl::Status DestroyGeneration(uint32_t generation, absl::Time now);
  // Whether no copy of this file brings back a key that was shredded while `generation` was the newest: every
  // generation up to it is destroyed, no living one hangs from the root versions that wrapped them, and these are gone
  // from the root keysets. Copies of the keysets are the operator's to renew. NOT_FOUND, FAILED_PRECONDITION as for
  // Open.
  absl::StatusOr<bool> IsFinal(uint32_t generation);
  // Copies the file, as it is when this returns, to the new file `path` of mode 0600, durably, in steps between which
  // others use the store. `progress` is told the pages that are done and there are; false ends it with CANCELLED. What
  // was copied is deleted on failure. ALREADY_EXISTS.
  absl::Status BackUp(const std::string& path, const std::function<bool(int64_t done, int64_t all)>& progress);

  // The generations that live, ascending.
  std::vector<uint32_t> LivingGenerations();
  // All that ever were, newest first.
  absl::StatusOr<std::vector<KeyGeneration>> ListGenerations();

  // Reads and unwraps the living ones of the `limit` keys behind `*after`, 0 at first, and moves it on. False when
  // there are no more; DATA_LOSS if one is not what was stored.
  absl::StatusOr<bool> CheckSome(int64_t* after, int limit);

 private:
  class Impl;
  explicit KeyStore(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace postern::crypto
