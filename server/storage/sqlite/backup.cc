#include "server/storage/sqlite/backup.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/storage/errors.h"
#include "server/storage/sqlite/connection.h"
#include "server/storage/sqlite/page_checksums.h"

namespace postern::storage {
namespace {

constexpr int kCacheKib = 4 * 1024;
// Instructions of SQLite's between two looks at the progress; some milliseconds.
constexpr int kLookEvery = 100'000;

struct Watch {
  const std::string* target;
  int64_t all = 0;
  const std::function<bool(int64_t, int64_t)>* progress;

  // SQLite's progress handler: anything but 0 interrupts.
  static int Look(void* watch) {
    const auto& self = *static_cast<const Watch*>(watch);
    struct stat info {};
    const int64_t done = stat(self.target->c_str(), &info) == 0 ? info.st_size : 0;
    return (*self.progress)(done, self.all) ? 0 : 1;
  }
};

absl::StatusOr<int64_t> SizeOf(SqliteConnection& db) {
  Query pages(db, "PRAGMA page_count");
  const int64_t count = pages.Next() ? pages.Int(0) : 0;
  POSTERN_RETURN_IF_ERROR(pages.status());
  return count * 4096;
}

absl::Status Copy(SqliteConnection& db, const std::string& target,
                  const std::function<bool(int64_t, int64_t)>& progress) {
  // VACUUM writes through an attached database, which connections here may not have otherwise.
  sqlite3_limit(db.handle(), SQLITE_LIMIT_ATTACHED, 1);
  Watch watch{&target, 0, &progress};
  POSTERN_ASSIGN_OR_RETURN(watch.all, SizeOf(db));
  sqlite3_progress_handler(db.handle(), kLookEvery, &Watch::Look, &watch);
  const absl::Status copied = Query(db, "VACUUM INTO ?").BindText(target).Run();
  const bool ended = sqlite3_extended_errcode(db.handle()) == SQLITE_INTERRUPT;
  sqlite3_progress_handler(db.handle(), 0, nullptr, nullptr);
  if (!copied.ok()) return ended ? absl::CancelledError("the backup was ended") : copied;
  progress(watch.all, watch.all);
  return absl::OkStatus();
}

// VACUUM INTO does not wait for the disk.
absl::Status Sync(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errors::PathUnusable(path, "open", errno);
  const int result = fsync(fd);
  const int error = errno;
  close(fd);
  return result == 0 ? absl::OkStatus() : errors::PathUnusable(path, "sync", error);
}

}  // namespace

absl::Status BackUpLedger(const std::string& directory, const std::string& target,
                          const std::function<bool(int64_t, int64_t)>& progress) {
  // SQLite takes an empty file for a new database, and would make a new one with the mode that umask leaves.
  const int made = open(target.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (made < 0) return errors::PathUnusable(target, "create", errno);
  close(made);
  const PageChecksums pages("");
  absl::Status status;
  {
    auto db = SqliteConnection::Open(absl::StrCat(directory, "/ledger.db"), SqliteConnection::Mode::kReadOnly,
                                     pages.name(), kCacheKib);
    status = db.ok() ? Copy(**db, target, progress) : db.status();
  }
  if (status.ok()) status = Sync(target);
  if (!status.ok()) unlink(target.c_str());
  return status;
}

}  // namespace postern::storage
