// Writes to an SQLite write-ahead log, put together: the frames of a commit go to the file in one write.
//
// SQLite writes every frame in two pieces, its header and its page, so that a commit of ten pages is twenty system
// calls. Frames that continue what was written before wait here until the one that commits. Nothing committed ever
// waits: its readers look for it in the file as soon as SQLite's shared index says that it is there, which may be
// without a sync. Whatever else is done with the file has to come after Flush.
//
// A frame is a header of 24 bytes, of which bytes 4 to 7 are not zero in the last frame of a commit, and a page
// (https://sqlite.org/fileformat2.html#the_write_ahead_log).
#pragma once

#include <sqlite3.h>

#include <string>

namespace postern::storage {

// Of one open log. Not thread-safe: as the file itself, its connection's.
class WalWriteBatch {
 public:
  // As sqlite3_io_methods::xWrite of `log`. What is still waiting when this object goes was never committed.
  int Write(sqlite3_file* log, const void* data, int size, sqlite3_int64 offset);
  // Writes what waits. After a failure it is gone, and with it the transaction that it was of.
  int Flush(sqlite3_file* log);

 private:
  int Continue(sqlite3_file* log, const char* data, int size);

  std::string waiting_;         // up to end_
  sqlite3_int64 end_ = -1;      // where what was written and waits goes on; -1: not known
  bool ends_a_commit_ = false;  // the frame whose header came last
};

}  // namespace postern::storage
