#include "server/gateway/backups.h"

#include <sys/stat.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/gateway/backup_folder.h"
#include "server/registry/audit_entry.h"
#include "server/registry/times.h"

namespace postern::gateway {
namespace {

constexpr int64_t kPageSize = 4096;

const char* NameOf(v1::Backup::Kind kind) {
  return kind == v1::Backup::KIND_KEYS ? "keys" : "ledger";
}

}  // namespace

absl::StatusOr<v1::StartBackupResponse> Backups::Begin(absl::string_view principal,
                                                       const v1::StartBackupRequest& request) {
  const v1::Backup::Kind kind = request.kind();
  if (kind != v1::Backup::KIND_KEYS && kind != v1::Backup::KIND_LEDGER) {
    return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, "kind: the ledger or the keys");
  }
  if (parts_.directory.empty()) {
    return MakeError(v1::ERROR_REASON_NOT_FOUND, "the configuration names no backup_dir");
  }
  if (kind == v1::Backup::KIND_LEDGER && parts_.copy_ledger == nullptr) {
    return absl::FailedPreconditionError("the ledger is in a database server: its own tools back it up");
  }
  const absl::Time now = parts_.clock();
  absl::MutexLock lock(&mutex_);
  if (stopping_) return MakeError(v1::ERROR_REASON_DRAINING, "the gateway is stopping");
  if (last_.state() == v1::Backup::STATE_RUNNING) {
    return MakeError(v1::ERROR_REASON_OVERLOADED, "a backup is being made");
  }
  const std::string directory = absl::StrCat(parts_.directory, "/", NameOf(kind), "-",
                                             absl::FormatTime("%Y%m%dT%H%M%E3S", now, absl::UTCTimeZone()), "Z");
  std::vector<std::string> leaves;
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&leaves, v1::AuditEntry::KIND_OPERATOR_ACTION,
                                               registry::Act{now, principal, ""}, "backup.started",
                                               {{"kind", NameOf(kind)}}));
  POSTERN_RETURN_IF_ERROR(parts_.store->AppendAudit(leaves).status());
  if (mkdir(directory.c_str(), 0700) != 0) {
    return MakeError(v1::ERROR_REASON_NOT_FOUND, absl::StrCat("the folder ", directory, " cannot be made"));
  }
  last_.Clear();
  last_.set_kind(kind);
  last_.set_state(v1::Backup::STATE_RUNNING);
  registry::SetTime(now, last_.mutable_create_time());
  if (maker_.joinable()) maker_.join();  // it has ended
  maker_ = std::thread([this, backup = last_, directory] { Make(backup, directory); });
  v1::StartBackupResponse response;
  *response.mutable_backup() = last_;
  return response;
}

absl::StatusOr<v1::GetBackupResponse> Backups::Get() const {
  absl::MutexLock lock(&mutex_);
  if (last_.kind() == v1::Backup::KIND_UNSPECIFIED) {
    return MakeError(v1::ERROR_REASON_NOT_FOUND, "no backup was made since the gateway started");
  }
  v1::GetBackupResponse response;
  *response.mutable_backup() = last_;
  return response;
}

void Backups::Stop() {
  std::thread maker;
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    maker = std::move(maker_);
  }
  if (maker.joinable()) maker.join();
}

bool Backups::Tell(int64_t done, int64_t all) {
  absl::MutexLock lock(&mutex_);
  last_.set_bytes_done(done);
  last_.set_bytes_total(all);
  return !stopping_;
}

absl::Status Backups::Copy(v1::Backup* backup, const std::string& directory) {
  const std::string target = absl::StrCat(directory, "/", CopyFile(backup->kind()));
  if (backup->kind() == v1::Backup::KIND_LEDGER) {
    POSTERN_RETURN_IF_ERROR(parts_.copy_ledger(target, [this](int64_t done, int64_t all) { return Tell(done, all); }));
  } else {
    POSTERN_RETURN_IF_ERROR(parts_.keys->BackUp(
        target, [this](int64_t done, int64_t all) { return Tell(done * kPageSize, all * kPageSize); }));
  }
  v1::BackupManifest* manifest = backup->mutable_manifest();
  manifest->set_kind(backup->kind());
  manifest->set_origin(parts_.origin);
  registry::SetTime(parts_.clock(), manifest->mutable_create_time());
  POSTERN_RETURN_IF_ERROR(SealBackup(directory, manifest));
  return SyncFolder(parts_.directory);
}

void Backups::Make(v1::Backup backup, const std::string& directory) {
  const absl::Status made = Copy(&backup, directory);
  if (made.ok()) {
    backup.set_state(v1::Backup::STATE_COMPLETE);
    backup.set_directory(directory);
    backup.set_bytes_done(backup.manifest().size());
    backup.set_bytes_total(backup.manifest().size());
    parts_.log->Info("backup.complete", {{"directory", base::PublicText::Setting(directory)}});
  } else {
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
    backup.clear_manifest();
    backup.set_state(v1::Backup::STATE_FAILED);
    backup.set_error(std::string(made.message()));
    parts_.log->Error("backup.failed", {{"error", base::ErrorText(made)}});
  }
  registry::SetTime(parts_.clock(), backup.mutable_end_time());
  absl::MutexLock lock(&mutex_);
  last_ = std::move(backup);
}

}  // namespace postern::gateway
