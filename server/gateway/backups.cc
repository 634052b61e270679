#include "server/gateway/backups.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/gateway/backup_folder.h"
#include "server/registry/audit_entry.h"
#include "server/registry/times.h"

namespace postern::gateway {
namespace {

constexpr int64_t kPageSize = 4096;
// How folders begin that are not complete.
constexpr char kPartial[] = ".partial-";

const char* NameOf(v1::Backup::Kind kind) {
  return kind == v1::Backup::KIND_KEYS ? "keys" : "ledger";
}

absl::Status CannotMake(const std::string& path) {
  return MakeError(v1::ERROR_REASON_LEDGER_UNAVAILABLE, absl::StrCat("the folder ", path, " cannot be made"));
}

}  // namespace

Backups::Backups(Parts parts) : parts_(std::move(parts)) {
  if (parts_.directory.empty()) return;
  // Left by a crash: half a copy, of keys perhaps that were shredded since.
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(parts_.directory, error)) {
    if (absl::StartsWith(entry.path().filename().string(), kPartial)) std::filesystem::remove_all(entry.path(), error);
  }
}

absl::StatusOr<v1::StartBackupResponse> Backups::Begin(absl::string_view principal,
                                                       const v1::StartBackupRequest& request) {
  const v1::Backup::Kind kind = request.kind();
  if (kind != v1::Backup::KIND_KEYS && kind != v1::Backup::KIND_LEDGER) {
    return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, "kind: the ledger or the keys");
  }
  if (parts_.directory.empty()) {
    return absl::FailedPreconditionError("the configuration names no backup_dir");
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
  const std::string name =
      absl::StrCat(NameOf(kind), "-", absl::FormatTime("%Y%m%dT%H%M%E3S", now, absl::UTCTimeZone()), "Z");
  const std::string partial = absl::StrCat(parts_.directory, "/", kPartial, name);
  if (mkdir(partial.c_str(), 0700) != 0) return CannotMake(partial);
  std::vector<std::string> leaves;
  absl::Status recorded =
      registry::AppendLeaf(&leaves, v1::AuditEntry::KIND_OPERATOR_ACTION, registry::Act{now, principal, ""},
                           "backup.started", {{"kind", NameOf(kind)}});
  if (recorded.ok()) recorded = parts_.store->AppendAudit(leaves).status();
  if (!recorded.ok()) {
    rmdir(partial.c_str());
    return recorded;
  }
  last_.Clear();
  last_.set_kind(kind);
  last_.set_state(v1::Backup::STATE_RUNNING);
  registry::SetTime(now, last_.mutable_create_time());
  if (maker_.joinable()) maker_.join();  // it has ended
  maker_ = std::thread([this, backup = last_, name] { Make(backup, name); });
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

void Backups::Cancel() {
  absl::MutexLock lock(&mutex_);
  stopping_ = true;
}

void Backups::Stop() {
  Cancel();
  std::thread maker;
  {
    absl::MutexLock lock(&mutex_);
    maker = std::move(maker_);
  }
  if (maker.joinable()) maker.join();
}

bool Backups::GoesOn() const {
  return !stopping_ && parts_.healthy();
}

bool Backups::Tell(int64_t done, int64_t all) {
  absl::MutexLock lock(&mutex_);
  last_.set_bytes_done(done);
  last_.set_bytes_total(all);
  return GoesOn();
}

absl::Status Backups::Copy(v1::Backup* backup, const std::string& directory) {
  const std::string target = absl::StrCat(directory, "/", CopyFile(backup->kind()));
  v1::BackupManifest* manifest = backup->mutable_manifest();
  manifest->set_kind(backup->kind());
  manifest->set_origin(parts_.origin);
  // Before the first byte: what is newer may be missing.
  registry::SetTime(parts_.clock(), manifest->mutable_create_time());
  if (backup->kind() == v1::Backup::KIND_LEDGER) {
    POSTERN_RETURN_IF_ERROR(parts_.copy_ledger(target, [this](int64_t done, int64_t all) { return Tell(done, all); }));
  } else {
    POSTERN_RETURN_IF_ERROR(parts_.keys->BackUp(
        target, [this](int64_t done, int64_t all) { return Tell(done * kPageSize, all * kPageSize); }));
  }
  return SealBackup(directory, manifest, [this] {
    absl::MutexLock lock(&mutex_);
    return GoesOn();
  });
}

void Backups::Make(v1::Backup backup, const std::string& name) {
  const std::string partial = absl::StrCat(parts_.directory, "/", kPartial, name);
  const std::string directory = absl::StrCat(parts_.directory, "/", name);
  absl::Status made = Copy(&backup, partial);
  if (made.ok() && std::rename(partial.c_str(), directory.c_str()) != 0) made = CannotMake(directory);
  if (made.ok()) made = SyncFolder(parts_.directory);
  if (made.ok()) {
    backup.set_state(v1::Backup::STATE_COMPLETE);
    backup.set_directory(directory);
    backup.set_bytes_done(backup.manifest().size());
    backup.set_bytes_total(backup.manifest().size());
    parts_.log->Info("backup.complete", {{"directory", base::PublicText::Setting(directory)}});
  } else {
    std::error_code ignored;
    std::filesystem::remove_all(partial, ignored);
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
