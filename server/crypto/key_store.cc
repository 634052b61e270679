#include "server/crypto/key_store.h"

#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "proto/errors/error.h"
#include "server/crypto/errors.h"
#include "server/crypto/kek_ring.h"
#include "server/crypto/key_blocks.h"
#include "server/crypto/key_cache.h"
#include "server/crypto/key_file.h"
#include "server/crypto/key_shred.h"
#include "server/crypto/key_table.h"
#include "server/crypto/key_walk.h"
#include "server/crypto/random.h"
#include "server/crypto/root_keyset.h"

namespace postern::crypto {
namespace {

// Checkpoints run in the background once the log is this long; a commit never runs one.
constexpr int64_t kCheckpointLogBytes = int64_t{4} << 20;
constexpr absl::Duration kScrubRetry = absl::Seconds(1);
// Between two steps of writing names, for the commits.
constexpr absl::Duration kNamesPause = absl::Milliseconds(2);
constexpr uint8_t kLastIncarnation = 255;

}  // namespace

class KeyStore::Impl {
 public:
  Impl(KeyStoreOptions options, KeyTable table)
      : options_(std::move(options)), cache_(options_.cache_capacity), table_(std::move(table)) {}

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
  absl::Status DestroyGeneration(uint32_t generation, absl::Time now) {
    absl::MutexLock lock(&mutex_);
    if (generation == keks_.current()) return errors::GenerationInUse(generation);
    POSTERN_ASSIGN_OR_RETURN(const bool needed, table_.AnyKeyOf(generation));
    if (needed) return errors::GenerationInUse(generation);
    POSTERN_RETURN_IF_ERROR(
        InTransaction([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return table_.DestroyKeks(generation, now); }));
    keks_.Remove(generation);
    scrub_wanted_ = true;
    return absl::OkStatus();
  }
  std::vector<uint32_t> LivingGenerations() {
    absl::MutexLock lock(&mutex_);
    return keks_.Generations();
  }
  absl::StatusOr<std::vector<KeyGeneration>> ListGenerations() {
    absl::MutexLock lock(&mutex_);
    return table_.ListGenerations();
  }
  absl::StatusOr<bool> IsFinal(uint32_t generation);

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

  KeyCache cache_;
  std::atomic<uint64_t> shreds_{0};

  // Held over every use of the file, and over the change of the cache that goes with it: a reader can never put a key
  // back into the cache after Shred has taken it out.
  absl::Mutex mutex_;
  KeyTable table_ ABSL_GUARDED_BY(mutex_);
  KekRing keks_ ABSL_GUARDED_BY(mutex_);
  int64_t rewrapped_up_to_ ABSL_GUARDED_BY(mutex_) = 0;
  bool checkpoint_wanted_ ABSL_GUARDED_BY(mutex_) = false;  // the log is long
  bool scrub_wanted_ ABSL_GUARDED_BY(mutex_) = false;       // the log or the file may hold destroyed keys
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread background_;
};

absl::Status KeyStore::Impl::Start(const Roots& roots) {
  {
    absl::MutexLock lock(&mutex_);
    POSTERN_ASSIGN_OR_RETURN(const std::vector<StoredKek> keks, table_.LivingKeks());
    for (const StoredKek& kek : keks) {
      const bool minors = kek.realm == KeyRealm::kMinors;
      POSTERN_RETURN_IF_ERROR(keks_.Add(kek, minors ? roots.minors : roots.standard,
                                        minors ? options_.minors_root_keyset_path : options_.root_keyset_path));
    }
    if (keks.empty()) {
      // A new store, or one whose creation was cut short: it has tables and no key.
      POSTERN_ASSIGN_OR_RETURN(const bool any_key, table_.AnyKey());
      if (any_key) return errors::KeyStoreLayoutUnknown(options_.path);
      POSTERN_RETURN_IF_ERROR(AddKeks(roots, 1, absl::Now()));
    }
    // A crash may have come between a shred and its scrub.
    scrub_wanted_ = true;
  }
  KeyRequest index{KeyKind::kGateway, KeyRealm::kStandard, Sha256("postern index key")};
  POSTERN_RETURN_IF_ERROR(EnsureKeys(absl::MakeSpan(&index, 1)));
  POSTERN_RETURN_IF_ERROR(index.result.status());
  index_key_.emplace(*index.result->secret);
  background_ = std::thread([this] { WorkInBackground(); });
  return absl::OkStatus();
}

template <typename Body>
absl::Status KeyStore::Impl::InTransaction(Body body) {
  POSTERN_RETURN_IF_ERROR(table_.Begin());
  absl::Status status = body();
  if (status.ok()) status = table_.Commit();
  if (!status.ok()) table_.Rollback();
  if (table_.file().log_bytes() >= kCheckpointLogBytes) checkpoint_wanted_ = true;
  return status;
}

absl::Status KeyStore::Impl::AddKeks(const Roots& roots, uint32_t generation, absl::Time now) {
  POSTERN_ASSIGN_OR_RETURN(const StoredKek standard, KekRing::MakeKek(roots.standard, KeyRealm::kStandard, generation));
  POSTERN_ASSIGN_OR_RETURN(const StoredKek minors, KekRing::MakeKek(roots.minors, KeyRealm::kMinors, generation));
  const absl::Status written = InTransaction([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    POSTERN_RETURN_IF_ERROR(table_.InsertKek(standard, now));
    return table_.InsertKek(minors, now);
  });
  POSTERN_RETURN_IF_ERROR(written);
  POSTERN_RETURN_IF_ERROR(keks_.Add(standard, roots.standard, options_.root_keyset_path));
  return keks_.Add(minors, roots.minors, options_.minors_root_keyset_path);
}

absl::Status KeyStore::Impl::EnsureKeys(absl::Span<KeyRequest> requests) {
  std::vector<KeyRequest*> missing;
  for (KeyRequest& request : requests) {
    std::optional<KeyHandle> cached = cache_.Find(KeyId(request.kind, request.realm, request.name, 0));
    if (cached.has_value()) {
      request.result = *std::move(cached);
    } else {
      missing.push_back(&request);
    }
  }
  if (missing.empty()) return absl::OkStatus();
  absl::MutexLock lock(&mutex_);
  return EnsureMissing(missing);
}

absl::Status KeyStore::Impl::EnsureMissing(absl::Span<KeyRequest* const> missing) {
  // Keys made here; they are valid once the transaction is durable.
  std::vector<KeyHandle> made;
  absl::flat_hash_map<KeyId, KeyHandle> by_name;
  made.reserve(missing.size());
  by_name.reserve(missing.size());
  POSTERN_ASSIGN_OR_RETURN(const SecretBytes fresh, RandomSecret(missing.size() * kDekSize));
  const absl::string_view fresh_bytes = fresh.Reveal(SecretAccess::Granted());

  const absl::Status written = InTransaction([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    for (size_t i = 0; i < missing.size(); ++i) {
      KeyRequest& request = *missing[i];
      KeyId id(request.kind, request.realm, request.name, 0);
      const auto [named, first] = by_name.try_emplace(id);
      if (!first && named->second.secret != nullptr) {
        request.result = named->second;
        continue;
      }
      POSTERN_ASSIGN_OR_RETURN(const std::optional<KeySlot> slot, table_.FindSlot(id));
      if (slot.has_value() && slot->position.living()) {
        request.result = ReadKey(*slot);
        // A damaged key fails those who ask for it, and nobody who happens to ask at the same time.
        if (!request.result.ok() && !absl::IsDataLoss(request.result.status())) return request.result.status();
        continue;
      }
      if (slot.has_value()) {
        if (!request.allow_new_after_shred || slot->id.incarnation() == kLastIncarnation) {
          request.result = errors::KeyShredded(slot->id);
          continue;
        }
        id = slot->id.WithIncarnation(static_cast<uint8_t>(slot->id.incarnation() + 1));
      }
      named->second = {
          id, std::make_shared<const SecretBytes>(SecretBytes::CopyOf(fresh_bytes.substr(i * kDekSize, kDekSize)))};
      request.result = named->second;
      made.push_back(named->second);
    }
    POSTERN_ASSIGN_OR_RETURN(const std::vector<KeyBlock> blocks, WrapKeys(keks_, made));
    for (const KeyBlock& block : blocks) POSTERN_RETURN_IF_ERROR(table_.InsertBlock(block));
    return absl::OkStatus();
  });
  POSTERN_RETURN_IF_ERROR(written);
  for (const KeyRequest* request : missing) {
    if (request->result.ok()) cache_.Insert(*request->result);
  }
  return absl::OkStatus();
}

absl::StatusOr<KeyHandle> KeyStore::Impl::ReadKey(const KeySlot& slot) {
  POSTERN_ASSIGN_OR_RETURN(const KeyBlock block, table_.ReadBlock(slot.position.block));
  POSTERN_ASSIGN_OR_RETURN(std::shared_ptr<const SecretBytes> secret,
                           UnwrapKey(keks_, block, slot.id, slot.position.index));
  return KeyHandle{slot.id, std::move(secret)};
}

// The slot of exactly this key: KEY_SHREDDED if it or a later key of its name is gone, NOT_FOUND if it never was.
absl::StatusOr<KeySlot> KeyStore::Impl::LivingSlot(const KeyId& id) {
  POSTERN_ASSIGN_OR_RETURN(const std::optional<KeySlot> slot, table_.FindSlot(id));
  if (!slot.has_value() || slot->id.incarnation() < id.incarnation()) return errors::KeyNotFound(id);
  if (!slot->position.living() || slot->id.incarnation() > id.incarnation()) return errors::KeyShredded(id);
  return *slot;
}

absl::StatusOr<KeyHandle> KeyStore::Impl::Get(const KeyId& id) {
  if (std::optional<KeyHandle> cached = cache_.Find(id); cached.has_value() && cached->id == id)
    return *std::move(cached);
  absl::MutexLock lock(&mutex_);
  POSTERN_ASSIGN_OR_RETURN(const KeySlot slot, LivingSlot(id));
  POSTERN_ASSIGN_OR_RETURN(KeyHandle key, ReadKey(slot));
  cache_.Insert(key);
  return key;
}

absl::StatusOr<KeyId> KeyStore::Impl::Find(const KeyId& name) {
  if (const std::optional<KeyHandle> cached = cache_.Find(name); cached.has_value()) return cached->id;
  absl::MutexLock lock(&mutex_);
  POSTERN_ASSIGN_OR_RETURN(const std::optional<KeySlot> slot, table_.FindSlot(name));
  if (!slot.has_value()) return errors::KeyNotFound(name);
  if (!slot->position.living()) return errors::KeyShredded(slot->id);
  return slot->id;
}

absl::Status KeyStore::Impl::Shred(absl::Span<const KeyId> ids, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  const absl::Status written = InTransaction([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    for (const KeyId& id : ids) {
      POSTERN_RETURN_IF_ERROR(ShredKey(table_, keks_, id, now));
    }
    return absl::OkStatus();
  });
  for (const KeyId& id : ids) {
    if (!written.ok()) break;
    cache_.Erase(id);
  }
  // After the cache: who sees the new count finds no dead key. Also where the outcome is unknown.
  shreds_.fetch_add(1, std::memory_order_acq_rel);
  scrub_wanted_ = scrub_wanted_ || written.ok();
  return written;
}

absl::StatusOr<bool> KeyStore::Impl::IsFinal(uint32_t generation) {
  POSTERN_ASSIGN_OR_RETURN(const std::vector<KeyGeneration> all, ListGenerations());
  POSTERN_ASSIGN_OR_RETURN(const Roots roots, LoadRoots(options_.root_keyset_path, options_.minors_root_keyset_path));
  return AllBeyondReach(all, roots, generation);
}

void KeyStore::Impl::WorkInBackground() {
  absl::MutexLock lock(&mutex_);
  for (;;) {
    mutex_.Await(absl::Condition(this, &Impl::BackgroundHasWork));
    if (stopping_) return;
    absl::Status done;
    if (scrub_wanted_ || checkpoint_wanted_) {
      done = scrub_wanted_ ? table_.file().CheckpointAndTruncate() : table_.file().Checkpoint();
      if (done.ok()) scrub_wanted_ = checkpoint_wanted_ = false;
    } else {
      done = InTransaction([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return table_.WriteNames(); });
      mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kNamesPause);
    }
    if (!done.ok()) {
      // The disk is full or failing: shredded keys stay unreadable through the store, and their bytes go when it
      // recovers.
      mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kScrubRetry);
    }
  }
}

absl::StatusOr<uint32_t> KeyStore::Impl::StartGeneration(absl::Time now) {
  POSTERN_ASSIGN_OR_RETURN(const Roots roots, LoadRoots(options_.root_keyset_path, options_.minors_root_keyset_path));
  absl::MutexLock lock(&mutex_);
  POSTERN_RETURN_IF_ERROR(AddKeks(roots, keks_.current() + 1, now));
  rewrapped_up_to_ = 0;
  return keks_.current();
}

KeyStore::KeyStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KeyStore::~KeyStore() = default;

absl::StatusOr<std::unique_ptr<KeyStore>> KeyStore::Open(const KeyStoreOptions& options) {
  // Before anything is created: a store must not come into being under roots that do not load.
  POSTERN_ASSIGN_OR_RETURN(const Roots roots, LoadRoots(options.root_keyset_path, options.minors_root_keyset_path));
  absl::Status present = CheckPrivateFile(options.path);
  if (absl::IsNotFound(present) && options.create_if_missing) {
    present = CreatePrivateFile(options.path, SecretBytes());
  }
  POSTERN_RETURN_IF_ERROR(present);
  POSTERN_ASSIGN_OR_RETURN(KeyTable table, KeyTable::Open(options.path, options.ledger, options.name_batch));
  auto impl = std::make_unique<Impl>(options, std::move(table));
  POSTERN_RETURN_IF_ERROR(impl->Start(roots));
  return std::unique_ptr<KeyStore>(new KeyStore(std::move(impl)));
}

absl::Status KeyStore::EnsureKeys(absl::Span<KeyRequest> requests) {
  return impl_->EnsureKeys(requests);
}
absl::StatusOr<KeyHandle> KeyStore::Get(const KeyId& id) {
  return impl_->Get(id);
}
absl::StatusOr<KeyId> KeyStore::Find(KeyKind kind, KeyRealm realm, const KeyName& name) {
  return impl_->Find(KeyId(kind, realm, name, 0));
}
absl::Status KeyStore::Shred(absl::Span<const KeyId> ids, absl::Time now) {
  return impl_->Shred(ids, now);
}
uint64_t KeyStore::shreds() const {
  return impl_->shreds();
}
absl::Status KeyStore::Scrub() {
  return impl_->Scrub();
}
absl::StatusOr<std::vector<KeyTombstone>> KeyStore::ListTombstones(uint64_t after, size_t limit) {
  return impl_->ListTombstones(after, limit);
}
const HmacKey& KeyStore::index_key() const {
  return impl_->index_key();
}
absl::StatusOr<uint32_t> KeyStore::StartGeneration(absl::Time now) {
  return impl_->StartGeneration(now);
}
absl::StatusOr<bool> KeyStore::RewrapSome(int limit) {
  return impl_->RewrapSome(limit);
}
absl::Status KeyStore::DestroyGeneration(uint32_t generation, absl::Time now) {
  return impl_->DestroyGeneration(generation, now);
}
std::vector<uint32_t> KeyStore::LivingGenerations() {
  return impl_->LivingGenerations();
}
absl::StatusOr<std::vector<KeyGeneration>> KeyStore::ListGenerations() {
  return impl_->ListGenerations();
}
absl::StatusOr<bool> KeyStore::IsFinal(uint32_t generation) {
  return impl_->IsFinal(generation);
}
absl::StatusOr<bool> KeyStore::CheckSome(int64_t* after, int limit) {
  return impl_->CheckSome(after, limit);
}

}  // namespace postern::crypto
