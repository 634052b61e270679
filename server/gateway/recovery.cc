#include "server/gateway/recovery.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/key_store.h"
#include "server/gateway/backup_folder.h"
#include "server/registry/audit_entry.h"
#include "server/registry/lifecycle.h"
#include "server/storage/sqlite/data_directory.h"
#include "server/storage/sqlite/incarnation.h"
#include "server/storage/sqlite/sqlite_store.h"

namespace postern::gateway {
namespace {

namespace fs = std::filesystem;

constexpr char kReason[] = "disaster_recovery";

std::string LedgerFolder(const config::Config& config) {
  return absl::StrCat(config.data_dir(), "/ledger");
}

std::string Stamp(absl::Time now) {
  return absl::FormatTime("%Y%m%dT%H%M%SZ", now, absl::UTCTimeZone());
}

absl::Status Rename(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  return MakeError(v1::ERROR_REASON_LEDGER_UNAVAILABLE, absl::StrCat("cannot rename ", from, " to ", to));
}

bool Exists(const std::string& path) {
  return access(path.c_str(), F_OK) == 0;
}

// Moves `path` aside, if it is there.
absl::Status MoveAside(const std::string& path, absl::Time now, Steps* steps) {
  if (!Exists(path)) return absl::OkStatus();
  const std::string aside = absl::StrCat(path, ".replaced-", Stamp(now));
  POSTERN_RETURN_IF_ERROR(Rename(path, aside));
  steps->push_back(absl::StrCat("moved ", path, " to ", aside));
  return absl::OkStatus();
}

// The ledger's lock stands for the whole gateway.
absl::StatusOr<std::unique_ptr<storage::DataDirectory>> LockLedger(const config::Config& config) {
  POSTERN_ASSIGN_OR_RETURN(storage::DataDirectory lock, storage::DataDirectory::Open(LedgerFolder(config), true));
  return std::make_unique<storage::DataDirectory>(std::move(lock));
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

}  // namespace

absl::StatusOr<Steps> Restore(const config::Config& config, const std::string& directory, absl::Time now) {
  POSTERN_ASSIGN_OR_RETURN(const v1::BackupManifest manifest, OpenBackup(directory));
  if (!absl::StartsWith(manifest.origin(), absl::StrCat(config.audit_origin(), "/"))) {
    return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, absl::StrCat("the backup is of ", manifest.origin(),
                                                                     ", and this gateway is ", config.audit_origin()));
  }
  Steps steps;
  POSTERN_ASSIGN_OR_RETURN(const std::unique_ptr<storage::DataDirectory> lock, LockLedger(config));
  const std::string copy = absl::StrCat(directory, "/", manifest.file());
  if (manifest.kind() == v1::Backup::KIND_KEYS) {
    const std::string target = absl::StrCat(config.data_dir(), "/keystore.db");
    // The log first: without its file it would be taken for that of the copy.
    for (const char* suffix : {"-wal", "-shm", ""}) {
      POSTERN_RETURN_IF_ERROR(MoveAside(absl::StrCat(target, suffix), now, &steps));
    }
    POSTERN_RETURN_IF_ERROR(CopyPrivately(copy, target));
    steps.push_back(absl::StrCat("restored ", target, "; the tombstone log is gone over at the next start"));
    return steps;
  }
  const std::string folder = LedgerFolder(config);
  POSTERN_RETURN_IF_ERROR(MoveAside(folder, now, &steps));
  if (mkdir(folder.c_str(), 0700) != 0) {
    return MakeError(v1::ERROR_REASON_LEDGER_UNAVAILABLE, absl::StrCat("cannot make ", folder));
  }
  POSTERN_RETURN_IF_ERROR(CopyPrivately(copy, absl::StrCat(folder, "/", manifest.file())));
  POSTERN_RETURN_IF_ERROR(SyncFolder(config.data_dir()));
  steps.push_back(absl::StrCat("restored ", folder));
  return steps;
}

absl::StatusOr<Steps> Recover(const config::Config& config, absl::string_view origin, absl::Time now) {
  Steps steps;
  crypto::Uuid old;
  {
    storage::SqliteStoreOptions options;
    options.directory = LedgerFolder(config);
    options.create_if_missing = false;
    POSTERN_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Store> store, storage::OpenSqliteStore(options));
    old = store->instance();
    const std::string now_origin = absl::StrCat(config.audit_origin(), "/", old.ToString());
    if (now_origin != origin) {
      return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT,
                       absl::StrCat("the ledger's origin is ", now_origin, ": name that one to give it up"));
    }
    POSTERN_RETURN_IF_ERROR(store->Check());
    POSTERN_RETURN_IF_ERROR(SuspendAll(*store, {now, registry::kGatewayPrincipal, origin}, &steps));
  }
  // The ledger's new name comes last: until it is written, all of this can be done again.
  POSTERN_ASSIGN_OR_RETURN(const std::unique_ptr<storage::DataDirectory> lock, LockLedger(config));
  const std::string checkpoint = absl::StrCat(config.data_dir(), "/checkpoint");
  if (Exists(checkpoint)) {
    const std::string aside = absl::StrCat(checkpoint, ".", old.ToString());
    POSTERN_RETURN_IF_ERROR(Rename(checkpoint, aside));
    POSTERN_RETURN_IF_ERROR(SyncFolder(config.data_dir()));
    steps.push_back(absl::StrCat("kept the last checkpoint of the old log as ", aside));
  }
  POSTERN_ASSIGN_OR_RETURN(const crypto::Uuid fresh, storage::NewIncarnation());
  POSTERN_RETURN_IF_ERROR(crypto::KeyStore::Rebind(absl::StrCat(config.data_dir(), "/keystore.db"), fresh.AsBytes()));
  POSTERN_RETURN_IF_ERROR(storage::SetIncarnation(LedgerFolder(config), fresh));
  steps.push_back(absl::StrCat("the audit log goes on as ", config.audit_origin(), "/", fresh.ToString()));
  return steps;
}

}  // namespace postern::gateway
