#include "server/gateway/recovery.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/errors/error.h"
#include "server/crypto/key_store.h"
#include "server/gateway/atomic_file.h"
#include "server/gateway/backup_folder.h"
#include "server/gateway/key_agreement.h"
#include "server/gateway/move_aside.h"
#include "server/gateway/open_ledger.h"
#include "server/identity/key_pair.h"
#include "server/registry/audit_entry.h"
#include "server/registry/lifecycle.h"
#include "server/storage/sqlite/data_directory.h"
#include "server/storage/sqlite/incarnation.h"

namespace postern::gateway {
namespace {

namespace fs = std::filesystem;

constexpr char kReason[] = "disaster_recovery";

std::string LedgerFolder(const config::Config& config) {
  return absl::StrCat(config.data_dir(), "/ledger");
}

std::string KeyStoreFile(const config::Config& config) {
  return absl::StrCat(config.data_dir(), "/keystore.db");
}

// Moves what stands at `path` out of the way under the name `as`, if it is there.
absl::Status Replace(const std::string& path, const std::string& as, absl::Time now, Steps* steps) {
  return Exists(path) ? MoveAside(path, absl::StrCat(as, ".replaced-"), now, steps) : absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<storage::DataDirectory>> Lock(const std::string& folder, bool create) {
  POSTERN_ASSIGN_OR_RETURN(storage::DataDirectory lock, storage::DataDirectory::Open(folder, create));
  return std::make_unique<storage::DataDirectory>(std::move(lock));
}

// A ledger that is not there is not made by looking at it.
absl::StatusOr<std::unique_ptr<storage::Store>> OpenExisting(const config::Config& config) {
  if (config.store().postgres().empty() && !Exists(absl::StrCat(LedgerFolder(config), "/ledger.db"))) {
    return MakeError(v1::ERROR_REASON_NOT_FOUND, absl::StrCat("there is no ledger in ", LedgerFolder(config)));
  }
  return OpenLedger(config, absl::Now, nullptr);
}

absl::Status NeedsFiles(const config::Config& config) {
  return config.store().postgres().empty()
             ? absl::OkStatus()
             : absl::FailedPreconditionError("the ledger is in a database server: its own tools put a backup in place");
}

absl::Status RestoreLedger(const config::Config& config, const std::string& copy, absl::Time now, Steps* steps) {
  POSTERN_RETURN_IF_ERROR(NeedsFiles(config));
  const std::string folder = LedgerFolder(config);
  const std::string fresh = absl::StrCat(folder, ".new");
  std::unique_ptr<storage::DataDirectory> old_lock;
  if (Exists(folder)) {
    POSTERN_ASSIGN_OR_RETURN(old_lock, Lock(folder, false));
  }
  std::error_code ignored;
  fs::remove_all(fresh, ignored);  // what a crash has left of an earlier one
  POSTERN_ASSIGN_OR_RETURN(const std::unique_ptr<storage::DataDirectory> lock, Lock(fresh, true));
  POSTERN_RETURN_IF_ERROR(CopyPrivately(copy, absl::StrCat(fresh, "/", CopyFile(v1::Backup::KIND_LEDGER))));
  // In one step: there is no moment without a ledger, in which a gateway would make a new one.
  POSTERN_RETURN_IF_ERROR(Rename(fresh, folder, old_lock == nullptr ? RENAME_NOREPLACE : RENAME_EXCHANGE));
  steps->push_back(absl::StrCat("restored ", folder));
  POSTERN_RETURN_IF_ERROR(Replace(fresh, folder, now, steps));
  return SyncFolder(config.data_dir());
}

// The instance that keys from a backup have to be bound to, where it is not theirs already: a ledger that was recovered
// goes on under another name, and the checkpoint of the one that was given up is kept.
absl::StatusOr<std::string> RebindTo(const config::Config& config, const std::string& origin) {
  if (config.store().postgres().empty() && !Exists(LedgerFolder(config))) return "";
  POSTERN_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Store> store, OpenExisting(config));
  const crypto::Uuid instance = store->instance();
  if (origin == absl::StrCat(config.audit_origin(), "/", instance.ToString())) return "";
  if (!Exists(absl::StrCat(config.data_dir(), "/checkpoint.", origin.substr(origin.rfind('/') + 1)))) {
    return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, "the backup holds the keys of another ledger");
  }
  return std::string(instance.AsBytes());
}

absl::Status RestoreKeys(const config::Config& config, const v1::BackupManifest& manifest, const std::string& copy,
                         absl::Time now, Steps* steps) {
  POSTERN_ASSIGN_OR_RETURN(const std::string ledger, RebindTo(config, manifest.origin()));
  std::unique_ptr<storage::DataDirectory> lock;  // a gateway with its ledger elsewhere locks the key store itself
  if (config.store().postgres().empty()) {
    POSTERN_ASSIGN_OR_RETURN(lock, Lock(LedgerFolder(config), true));
  }
  const std::string target = KeyStoreFile(config);
  const std::string fresh = absl::StrCat(target, ".new");
  for (const char* suffix : {"", "-wal", "-shm"}) unlink(absl::StrCat(fresh, suffix).c_str());
  POSTERN_RETURN_IF_ERROR(CopyPrivately(copy, fresh));
  if (!ledger.empty()) POSTERN_RETURN_IF_ERROR(crypto::KeyStore::Rebind(fresh, "", ledger));
  // The file before its log: a log without its file belongs to nobody, a file without its log would lack what it says.
  for (const char* suffix : {"", "-wal", "-shm"}) {
    POSTERN_RETURN_IF_ERROR(Replace(absl::StrCat(target, suffix), absl::StrCat(target, suffix), now, steps));
  }
  POSTERN_RETURN_IF_ERROR(Rename(fresh, target));
  steps->push_back(absl::StrCat("restored ", target, "; the tombstone log is gone over at the next start"));
  return SyncFolder(config.data_dir());
}

absl::Status SuspendAll(storage::Store& store, const registry::Act& act, Steps* steps) {
  POSTERN_ASSIGN_OR_RETURN(std::vector<storage::PartnerRow> partners, store.ListPartners());
  storage::ChangeSet change;
  for (storage::PartnerRow& row : partners) {
    if (row.partner.state() != v1::PARTNER_STATE_ACTIVE) continue;
    const std::string name = row.partner.name();
    const std::string etag = row.partner.etag();
    POSTERN_RETURN_IF_ERROR(registry::Move(&row.partner, v1::PARTNER_STATE_SUSPENDED, kReason, act.time));
    change.partners.push_back({std::move(row), etag});
    change.raise_fences.push_back({storage::FenceScope::Kind::kPartner, name});
    POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE,
                                                 {act.time, act.principal, name}, "partner.suspended",
                                                 {{"from", "ACTIVE"}, {"to", "SUSPENDED"}, {"reason", kReason}}));
    steps->push_back(absl::StrCat("suspended ", name));
  }
  POSTERN_ASSIGN_OR_RETURN(const storage::TreeHead head, store.ReadTreeHead());
  POSTERN_RETURN_IF_ERROR(
      registry::AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_LIFECYCLE, act, "ledger.recovered",
                           {{"given_up_origin", act.resource}, {"entries", absl::StrCat(head.size)}}));
  return store.Apply(change).status();
}

// Keeps the old log's last checkpoint, under the id of the log that signed it.
absl::Status KeepCheckpoint(const config::Config& config, absl::Time now, Steps* steps) {
  const std::string checkpoint = absl::StrCat(config.data_dir(), "/checkpoint");
  if (!Exists(checkpoint)) return absl::OkStatus();
  POSTERN_ASSIGN_OR_RETURN(const std::string note, identity::ReadPublicFile(checkpoint));
  const std::string origin = note.substr(0, note.find('\n'));
  const std::string kept = absl::StrCat(checkpoint, ".", origin.substr(origin.rfind('/') + 1));
  if (Exists(kept)) return Replace(checkpoint, kept, now, steps);
  POSTERN_RETURN_IF_ERROR(Rename(checkpoint, kept));
  steps->push_back(absl::StrCat("kept the last checkpoint of the old log as ", kept));
  return absl::OkStatus();
}

// The name under which the ledger is to go on: the one that an earlier run has chosen, or a new one.
absl::StatusOr<crypto::Uuid> ChooseIncarnation(const std::string& pending) {
  POSTERN_ASSIGN_OR_RETURN(crypto::Uuid fresh, storage::NewIncarnation());
  if (!Exists(pending)) {
    POSTERN_RETURN_IF_ERROR(WriteFileAtomically(pending, absl::BytesToHexString(fresh.AsBytes())));
    return fresh;
  }
  POSTERN_ASSIGN_OR_RETURN(const std::string chosen, identity::ReadPublicFile(pending));
  const std::string bytes = absl::HexStringToBytes(chosen);
  if (bytes.size() != fresh.bytes.size()) {
    return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, absl::StrCat(pending, " is damaged: delete it"));
  }
  std::copy(bytes.begin(), bytes.end(), fresh.bytes.begin());
  return fresh;
}

}  // namespace

absl::Status Restore(const config::Config& config, const std::string& directory, absl::Time now, Steps* steps) {
  POSTERN_ASSIGN_OR_RETURN(const v1::BackupManifest manifest, OpenBackup(directory));
  if (!absl::StartsWith(manifest.origin(), absl::StrCat(config.audit_origin(), "/"))) {
    return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, absl::StrCat("the backup is of ", manifest.origin(),
                                                                     ", and this gateway is ", config.audit_origin()));
  }
  const std::string copy = absl::StrCat(directory, "/", manifest.file());
  return manifest.kind() == v1::Backup::KIND_KEYS ? RestoreKeys(config, manifest, copy, now, steps)
                                                  : RestoreLedger(config, copy, now, steps);
}

absl::Status Recover(const config::Config& config, absl::string_view origin, absl::Time now, Steps* steps) {
  POSTERN_RETURN_IF_ERROR(NeedsFiles(config));
  const std::string pending = absl::StrCat(config.data_dir(), "/", kRecoveryFile);
  crypto::Uuid old;
  {
    POSTERN_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Store> store, OpenExisting(config));
    old = store->instance();
    const std::string now_origin = absl::StrCat(config.audit_origin(), "/", old.ToString());
    if (now_origin != origin && !Exists(pending)) {
      return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT,
                       absl::StrCat("the ledger's origin is ", now_origin, ": name that one to give it up"));
    }
    POSTERN_RETURN_IF_ERROR(store->Check());
    POSTERN_RETURN_IF_ERROR(SuspendAll(*store, {now, registry::kGatewayPrincipal, origin}, steps));
  }
  POSTERN_ASSIGN_OR_RETURN(const std::unique_ptr<storage::DataDirectory> lock, Lock(LedgerFolder(config), false));
  // From here on the gateway does not start until all is done: a half of it would contradict what was published.
  POSTERN_ASSIGN_OR_RETURN(const crypto::Uuid fresh, ChooseIncarnation(pending));
  POSTERN_RETURN_IF_ERROR(crypto::KeyStore::Rebind(KeyStoreFile(config), old.AsBytes(), fresh.AsBytes()));
  POSTERN_RETURN_IF_ERROR(KeepCheckpoint(config, now, steps));
  POSTERN_RETURN_IF_ERROR(storage::SetIncarnation(LedgerFolder(config), fresh));
  if (unlink(pending.c_str()) != 0) {
    return MakeError(v1::ERROR_REASON_LEDGER_UNAVAILABLE, absl::StrCat("cannot delete ", pending));
  }
  POSTERN_RETURN_IF_ERROR(SyncFolder(config.data_dir()));
  steps->push_back(absl::StrCat("the audit log goes on as ", config.audit_origin(), "/", fresh.ToString()));
  return absl::OkStatus();
}

absl::Status AcceptKeyLoss(const config::Config& config, absl::Time now, Steps* steps) {
  POSTERN_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Store> store, OpenExisting(config));
  crypto::KeyStoreOptions options;
  options.path = KeyStoreFile(config);
  options.root_keyset_path = config.keys().root_keyset();
  options.minors_root_keyset_path = config.keys().minors_root_keyset();
  options.tombstone_log_path = config.keys().tombstone_log();
  options.ledger = std::string(store->instance().AsBytes());
  POSTERN_ASSIGN_OR_RETURN(const std::unique_ptr<crypto::KeyStore> keys, crypto::KeyStore::Open(options));
  POSTERN_ASSIGN_OR_RETURN(const int64_t lost, BuryLostKeys(*store, *keys, now));
  steps->push_back(absl::StrCat(lost, " keys count as destroyed from now on"));
  std::vector<std::string> leaves;
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&leaves, v1::AuditEntry::KIND_LIFECYCLE,
                                               registry::Act{now, registry::kGatewayPrincipal, ""},
                                               "keys.loss_accepted", {{"keys", absl::StrCat(lost)}}));
  return store->AppendAudit(leaves).status();
}

}  // namespace postern::gateway
