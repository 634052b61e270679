// Makes backups of the ledger and of the key store while the gateway serves.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/postern/v1/maintenance_service.pb.h"
#include "server/base/log.h"
#include "server/crypto/key_store.h"
#include "server/storage/store.h"

namespace postern::gateway {

// Thread-safe.
class Backups {
 public:
  // Told bytes done and about how many there are; false ends the copy.
  using Progress = std::function<bool(int64_t done, int64_t all)>;

  // Borrowed.
  struct Parts {
    std::string directory;  // where backups are made; empty: none are
    std::string origin;     // of the audit log
    // Copies the ledger to a new file. Null where the store is not this gateway's to copy.
    std::function<absl::Status(const std::string& target, const Progress& progress)> copy_ledger;
    crypto::KeyStore* keys = nullptr;
    storage::Store* store = nullptr;
    const base::Logger* log = nullptr;
    std::function<absl::Time()> clock;
    // False while the ledger fails: a backup ends then, for its reader keeps a failed ledger from being opened again.
    std::function<bool()> healthy;
  };
  // Removes what a crash has left incomplete.
  explicit Backups(Parts parts);
  ~Backups() { Stop(); }

  // For `principal`, in the background; entered in the audit log before a byte is copied. OVERLOADED;
  // INVALID_ARGUMENT for the kind; FAILED_PRECONDITION without a folder, or where the ledger is not in a file;
  // LEDGER_UNAVAILABLE if the disk fails.
  absl::StatusOr<v1::StartBackupResponse> Begin(absl::string_view principal, const v1::StartBackupRequest& request);
  absl::StatusOr<v1::GetBackupResponse> Get() const;

  // Has what is being made end soon, and be deleted. No backup begins after it.
  void Cancel();
  // The same, and waits for the end.
  void Stop();

 private:
  void Make(v1::Backup backup, const std::string& name);
  absl::Status Copy(v1::Backup* backup, const std::string& directory);
  bool Tell(int64_t done, int64_t all);
  bool GoesOn() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Parts parts_;
  mutable absl::Mutex mutex_;
  v1::Backup last_ ABSL_GUARDED_BY(mutex_);  // kind unspecified: there was none
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread maker_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::gateway
