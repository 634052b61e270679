#include "server/crypto/key_store.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/crypto/errors.h"
#include "server/crypto/key_blocks.h"
#include "server/crypto/key_file.h"
#include "server/crypto/key_shred.h"
#include "server/crypto/key_store_impl.h"
#include "server/crypto/random.h"
#include "server/crypto/root_keyset.h"
#include "server/crypto/tombstone_mark.h"
#include "server/crypto/tombstone_replay.h"

namespace postern::crypto {
namespace {

constexpr uint8_t kLastIncarnation = 255;

std::vector<KeyId> NewestOfEachName(absl::Span<const KeyId> ids) {
  std::vector<KeyId> newest;
  KeyNameMap<size_t> places;
  for (const KeyId& id : ids) {
    const auto [place, first] = places.try_emplace(id.WithIncarnation(0), newest.size());
    if (first) {
      newest.push_back(id);
    } else if (id.incarnation() > newest[place->second].incarnation()) {
      newest[place->second] = id;
    }
  }
  return newest;
}

// Whether a root was renewed after the newest generation was made: then this may be a copy from before, and there may
// be later ones with the same keys under the new root. What is destroyed from now on is final only without that one
// too.
bool RootsAreNewer(const Roots& roots, const std::vector<StoredKek>& keks) {
  uint32_t newest = 0;
  for (const StoredKek& kek : keks) newest = std::max(newest, kek.generation);
  return std::any_of(keks.begin(), keks.end(), [&](const StoredKek& kek) {
    const RootKeyset& root = kek.realm == KeyRealm::kMinors ? roots.minors : roots.standard;
    return kek.generation == newest && kek.root_version < root.primary_version();
  });
}

absl::StatusOr<TombstoneLog> OpenLog(const KeyStoreOptions& options) {
  // Only a store that is new has none.
  if (options.create_if_missing) return TombstoneLog::OpenOrCreate(options.tombstone_log_path);
  absl::StatusOr<TombstoneLog> log = TombstoneLog::Open(options.tombstone_log_path);
  if (absl::IsNotFound(log.status()) && CheckPrivateFile(options.path).ok()) {
    return errors::TombstoneLogMissing(options.tombstone_log_path);
  }
  return log;
}

}  // namespace

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
    } else if (RootsAreNewer(roots, keks)) {
      POSTERN_RETURN_IF_ERROR(AddKeks(roots, keks_.current() + 1, absl::Now()));
    }
    // Before any key can be asked for.
    POSTERN_ASSIGN_OR_RETURN(shredded_again_,
                             ReplayTombstones(table_, keks_, tombstones_, options_.tombstone_log_path));
    POSTERN_RETURN_IF_ERROR(CheckTombstoneMark(TombstoneMarkPath(options_.path), tombstones_));
    POSTERN_RETURN_IF_ERROR(SetTombstoneMark(TombstoneMarkPath(options_.path), tombstones_));
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
  KeyNameMap<KeyHandle> by_name;
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
    // The table does not see what this transaction has changed: of a name, the newest key alone.
    for (const KeyId& id : NewestOfEachName(ids)) {
      POSTERN_RETURN_IF_ERROR(ShredKey(table_, keks_, id, now, keks_.current()));
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
  POSTERN_RETURN_IF_ERROR(written);
  POSTERN_FAILPOINT("keys.shredded");
  POSTERN_RETURN_IF_ERROR(ExtendTombstoneLog(table_, tombstones_));
  return SetTombstoneMark(TombstoneMarkPath(options_.path), tombstones_);
}

KeyStore::KeyStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KeyStore::~KeyStore() = default;

absl::StatusOr<std::unique_ptr<KeyStore>> KeyStore::Open(const KeyStoreOptions& options) {
  // Before anything is created: a store must not come into being under roots that do not load.
  POSTERN_ASSIGN_OR_RETURN(const Roots roots, LoadRoots(options.root_keyset_path, options.minors_root_keyset_path));
  KeyStoreOptions paths = options;
  if (paths.tombstone_log_path.empty()) paths.tombstone_log_path = absl::StrCat(paths.path, ".tombstones");
  // The log first: a store that is there was made with it.
  POSTERN_ASSIGN_OR_RETURN(TombstoneLog tombstones, OpenLog(paths));
  absl::Status present = CheckPrivateFile(paths.path);
  if (absl::IsNotFound(present) && paths.create_if_missing) {
    present = CreatePrivateFile(paths.path, SecretBytes());
  }
  POSTERN_RETURN_IF_ERROR(present);
  POSTERN_ASSIGN_OR_RETURN(KeyTable table, KeyTable::Open(paths.path, paths.ledger, paths.name_batch));
  auto impl = std::make_unique<Impl>(paths, std::move(table), std::move(tombstones));
  POSTERN_RETURN_IF_ERROR(impl->Start(roots));
  return std::unique_ptr<KeyStore>(new KeyStore(std::move(impl)));
}

absl::Status KeyStore::Rebind(const std::string& path, absl::string_view from, absl::string_view to) {
  POSTERN_RETURN_IF_ERROR(CheckPrivateFile(path));
  return KeyTable::Rebind(path, from, to);
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
uint64_t KeyStore::shredded_again() const {
  return impl_->shredded_again();
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
absl::Status KeyStore::BackUp(const std::string& path, const std::function<bool(int64_t, int64_t)>& progress) {
  return impl_->BackUp(path, progress);
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
