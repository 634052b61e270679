#include "server/gateway/store_upkeep.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/errors/error.h"
#include "server/crypto/signature.h"
#include "server/crypto/signed_note.h"
#include "server/gateway/backup_folder.h"
#include "server/gateway/move_aside.h"
#include "server/gateway/open_ledger.h"
#include "server/gateway/published_checkpoint.h"
#include "server/gateway/recovery.h"
#include "server/identity/key_pair.h"
#include "server/registry/audit_entry.h"
#include "server/storage/migrate.h"
#include "server/storage/sqlite/data_directory.h"

namespace postern::gateway {
namespace {

namespace fs = std::filesystem;

std::string LedgerFolder(const config::Config& config) {
  return absl::StrCat(config.data_dir(), "/ledger");
}

bool IsSame(const std::string& a, const std::string& b) {
  std::error_code error;
  return fs::equivalent(a, b, error);
}

// What is moved, and whether nobody writes to it as long as this lives.
struct Source {
  bool in_use = false;
  std::optional<storage::DataDirectory> lock;
};

absl::StatusOr<Source> Hold(const config::Config& config, const std::string& from) {
  Source source;
  if (!Exists(absl::StrCat(from, "/ledger.db"))) {
    return MakeError(v1::ERROR_REASON_NOT_FOUND, absl::StrCat("there is no ledger in ", from));
  }
  if (!Exists(absl::StrCat(from, "/", kManifestFile))) {
    POSTERN_ASSIGN_OR_RETURN(std::optional<storage::DataDirectory> lock,
                             storage::DataDirectory::TryOpen(from, /*create_if_missing=*/false));
    source.in_use = !lock.has_value();
    if (lock.has_value()) source.lock.emplace(*std::move(lock));
    return source;
  }
  POSTERN_ASSIGN_OR_RETURN(const v1::BackupManifest manifest, OpenBackup(from));
  if (!absl::StartsWith(manifest.origin(), absl::StrCat(config.audit_origin(), "/"))) {
    return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, absl::StrCat("the backup is of ", manifest.origin(),
                                                                     ", and this gateway is ", config.audit_origin()));
  }
  return source;
}

// The heads of the log that were published: in the ledger, and in the file outside of it. DATA_LOSS if one is not
// signed by this gateway.
absl::StatusOr<std::vector<storage::TreeHead>> PublishedHeads(const config::Config& config,
                                                              const storage::LedgerMove& move,
                                                              absl::Span<const std::string> notes) {
  POSTERN_ASSIGN_OR_RETURN(crypto::PrivateKey key, crypto::PrivateKey::LoadFile(config.keys().audit_signing_key()));
  POSTERN_ASSIGN_OR_RETURN(
      const crypto::NoteSigner signer,
      crypto::NoteSigner::Create(absl::StrCat(config.audit_origin(), "/", move.instance().ToString()), std::move(key)));
  const auto& former = config.keys().former_audit_verifier_keys();
  std::vector<storage::TreeHead> heads;
  for (const std::string& note : notes) {
    if (note.empty()) continue;
    const absl::StatusOr<audit::Checkpoint> opened =
        OpenOwnCheckpoint(note, signer, std::vector<std::string>(former.begin(), former.end()));
    if (!opened.ok()) return absl::DataLossError("the ledger's last checkpoint was not signed for it");
    storage::TreeHead& head = heads.emplace_back();
    head.size = opened->size;
    head.root = opened->root;
  }
  return heads;
}

absl::StatusOr<std::string> ReadCheckpointFile(const config::Config& config) {
  absl::StatusOr<std::string> note = identity::ReadPublicFile(absl::StrCat(config.data_dir(), "/checkpoint"));
  if (absl::IsNotFound(note.status())) return "";
  return note;
}

absl::Status EnterInAuditLog(const config::Config& config, const storage::TreeHead& head, absl::Time now) {
  POSTERN_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Store> store, OpenLedger(config, absl::Now, nullptr));
  std::vector<std::string> leaves;
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&leaves, v1::AuditEntry::KIND_LIFECYCLE,
                                               registry::Act{now, registry::kGatewayPrincipal, ""}, "ledger.moved",
                                               {{"entries", absl::StrCat(head.size)}, {"to", "postgres"}}));
  return store->AppendAudit(leaves).status();
}

}  // namespace

absl::Status MoveStore(const config::Config& config, const std::string& from, absl::Time now,
                       storage::LedgerMove::Progress progress, Steps* steps) {
  if (config.store().postgres().empty()) {
    return absl::FailedPreconditionError("the configuration's store names no PostgreSQL for the ledger to be moved to");
  }
  if (Exists(absl::StrCat(config.data_dir(), "/", kRecoveryFile))) {
    return absl::FailedPreconditionError("a recovery of the ledger was begun and not ended: run --recover again");
  }
  POSTERN_ASSIGN_OR_RETURN(const Source source, Hold(config, from));
  // Before the ledger is read, for it may grow: then it has at least what was published.
  POSTERN_ASSIGN_OR_RETURN(const std::string outside, ReadCheckpointFile(config));
  storage::LedgerMoveOptions options;
  options.directory = from;
  options.conninfo = config.store().postgres();
  options.schema = config.store().postgres_schema();
  POSTERN_ASSIGN_OR_RETURN(std::unique_ptr<storage::LedgerMove> move, storage::LedgerMove::Begin(options));
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::TreeHead> published,
                           PublishedHeads(config, *move, {outside, move->checkpoint()}));
  POSTERN_RETURN_IF_ERROR(move->Copy(progress));
  POSTERN_RETURN_IF_ERROR(move->Verify(published, progress));
  steps->push_back(
      absl::StrCat("copied and verified the ledger in ", from, ": ", move->head().size, " entries of its log"));
  if (source.in_use) {
    return absl::FailedPreconditionError(
        "a gateway serves from the ledger that was copied: stop it and move again, which copies what has come since");
  }
  // Aside before the copy may be served: there is no moment in which a gateway could go on with either.
  if (IsSame(from, LedgerFolder(config))) {
    POSTERN_RETURN_IF_ERROR(MoveAside(from, absl::StrCat(LedgerFolder(config), ".moved-"), now, steps));
    POSTERN_RETURN_IF_ERROR(SyncFolder(config.data_dir()));
  }
  const storage::TreeHead head = move->head();
  POSTERN_RETURN_IF_ERROR(move->Release());
  move.reset();  // its session holds the lock that a store needs
  return EnterInAuditLog(config, head, now);
}

absl::Status MigrateStore(const config::Config& config, bool dry_run, Steps* steps) {
  const auto& store = config.store();
  const absl::StatusOr<storage::SchemaVersions> versions =
      store.postgres().empty() ? storage::MigrateSqliteStore(LedgerFolder(config), dry_run)
                               : storage::MigratePostgresStore(store.postgres(), store.postgres_schema(), dry_run);
  POSTERN_RETURN_IF_ERROR(versions.status());
  const std::string what = versions->before == versions->after
                               ? absl::StrCat("the ledger's tables have version ", versions->after, " already")
                               : absl::StrCat("the ledger's tables ", dry_run ? "can be" : "were",
                                              " brought from version ", versions->before, " to ", versions->after);
  steps->push_back(absl::StrCat(what, dry_run ? "; nothing was changed" : ""));
  return absl::OkStatus();
}

}  // namespace postern::gateway
