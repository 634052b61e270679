// Makes a SQLite write-ahead log stand on writes that are known to have reached the disk.
//
// After an fsync that failed, the kernel holds pages that are clean and not on the disk; every later fsync succeeds
// without writing them. A process that opens such a log reads commits from the page cache that a loss of power takes
// away, and with them everything appended behind them; and a checkpoint of them, cut short, tears the database. Whether
// an earlier process met such a failure is not recorded anywhere. So before a log is used its bytes are written again,
// where they are: that makes them dirty, and the fsync that follows is the first one of these writes.
// (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020.)
#pragma once

#include <string>

namespace postern::base {

// Rewrites and syncs the log of the database at `path` through the SQLite VFS of that name (null: the default one). To
// be called while no connection writes; readers do not notice. Returns a SQLite result code; SQLITE_OK if there is no
// log.
int RewriteWal(const std::string& path, const char* vfs);

}  // namespace postern::base
