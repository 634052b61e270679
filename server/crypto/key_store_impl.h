// What a KeyStore is made of. Keys are in key_store.cc; generations, backups and the work in the background in
// key_store_upkeep.cc.
#pragma once

#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/errors/error.h"
#include "server/crypto/kek_ring.h"
#include "server/crypto/key_cache.h"
#include "server/crypto/key_store.h"
#include "server/crypto/key_table.h"
#include "server/crypto/key_walk.h"
#include "server/crypto/root_keyset.h"
#include "server/crypto/tombstone_log.h"

namespace postern::crypto {

class KeyStore::Impl {
 public:
  // Checkpoints run in the background once the log is this long; a commit never runs one.
  static constexpr int64_t kCheckpointLogBytes = int64_t{4} << 20;

  Impl(KeyStoreOptions options, KeyTable table, TombstoneLog tombstones)
      : options_(std::move(options)),
        cache_(options_.cache_capacity),
        table_(std::move(table)),
        tombstones_(std::move(tombstones)) {}

  ~Impl() {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    if (background_.joinable()) background_.join();
  }

  absl::Status Start(const Roots& roots);
  absl::Status EnsureKeys(absl::Span<KeyRequest> requests);
  absl::StatusOr<KeyHandle> Get(const KeyId& id);
  absl::StatusOr<KeyId> Find(const KeyId& name);
  absl::Status Shred(absl::Span<const KeyId> ids, absl::Time now);
  absl::Status Scrub() {
    absl::MutexLock lock(&mutex_);
    POSTERN_RETURN_IF_ERROR(table_.file().CheckpointAndTruncate());
    scrub_wanted_ = checkpoint_wanted_ = false;
    return absl::OkStatus();
  }
  uint64_t shreds() const { return shreds_.load(std::memory_order_acquire); }
  absl::StatusOr<std::vector<KeyTombstone>> ListTombstones(uint64_t after, size_t limit) {
    absl::MutexLock lock(&mutex_);
    return table_.ListTombstones(after, limit);
  }
  uint64_t shredded_again() const { return shredded_again_; }
  const HmacKey& index_key() const { return *index_key_; }
  absl::StatusOr<uint32_t> StartGeneration(absl::Time now);
  absl::StatusOr<bool> RewrapSome(int limit) {
    absl::MutexLock lock(&mutex_);
    POSTERN_ASSIGN_OR_RETURN(const KeyStretch stretch, NextStretch(table_, rewrapped_up_to_, limit));
    if (stretch.empty()) return false;
    POSTERN_RETURN_IF_ERROR(
        InTransaction([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return RewrapStretch(table_, keks_, stretch); }));
    rewrapped_up_to_ = stretch.last;
    return true;
  }
  absl::StatusOr<bool> CheckSome(int64_t* after, int limit) {
    absl::MutexLock lock(&mutex_);
    POSTERN_ASSIGN_OR_RETURN(const KeyStretch stretch, NextStretch(table_, *after, limit));
    if (stretch.empty()) return false;
    *after = stretch.last;
    POSTERN_RETURN_IF_ERROR(CheckStretch(table_, keks_, stretch));
    return true;
  }
  absl::Status DestroyGeneration(uint32_t generation, absl::Time now);
  std::vector<uint32_t> LivingGenerations() {
    absl::MutexLock lock(&mutex_);
    return keks_.Generations();
  }
  absl::StatusOr<std::vector<KeyGeneration>> ListGenerations() {
    absl::MutexLock lock(&mutex_);
    return table_.ListGenerations();
  }
  absl::StatusOr<bool> IsFinal(uint32_t generation);
  absl::Status BackUp(const std::string& path, const std::function<bool(int64_t, int64_t)>& progress);

 private:
  // Runs `body` as one transaction: committed if it returns OK, rolled back otherwise.
  template <typename Body>
  absl::Status InTransaction(Body body) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status AddKeks(const Roots& roots, uint32_t generation, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status EnsureMissing(absl::Span<KeyRequest* const> missing) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<KeyHandle> ReadKey(const KeySlot& slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<KeySlot> LivingSlot(const KeyId& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WorkInBackground();
  bool BackgroundHasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || scrub_wanted_ || checkpoint_wanted_ || table_.NamesWait();
  }

  // Constant after Start.
  const KeyStoreOptions options_;
  std::optional<HmacKey> index_key_;
  uint64_t shredded_again_ = 0;

  KeyCache cache_;
  std::atomic<uint64_t> shreds_{0};

  // Held over every use of the file, and over the change of the cache that goes with it: a reader can never put a key
  // back into the cache after Shred has taken it out.
  absl::Mutex mutex_;
  KeyTable table_ ABSL_GUARDED_BY(mutex_);
  TombstoneLog tombstones_ ABSL_GUARDED_BY(mutex_);
  KekRing keks_ ABSL_GUARDED_BY(mutex_);
  int64_t rewrapped_up_to_ ABSL_GUARDED_BY(mutex_) = 0;
  bool checkpoint_wanted_ ABSL_GUARDED_BY(mutex_) = false;  // the log is long
  bool scrub_wanted_ ABSL_GUARDED_BY(mutex_) = false;       // the log or the file may hold destroyed keys
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread background_;
};

template <typename Body>
absl::Status KeyStore::Impl::InTransaction(Body body) {
  POSTERN_RETURN_IF_ERROR(table_.Begin());
  absl::Status status = body();
  if (status.ok()) status = table_.Commit();
  if (!status.ok()) table_.Rollback();
  if (table_.file().log_bytes() >= kCheckpointLogBytes) checkpoint_wanted_ = true;
  return status;
}

}  // namespace postern::crypto
