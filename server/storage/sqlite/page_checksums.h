// A SQLite VFS that ends every page of a database with a checksum, and reads no page whose checksum is wrong.
//
// SQLite checks its log and believes its database: a byte that a disk or a hand has changed in a row would be read as
// what was committed. The checksum covers the page and its number, so that a page in another one's place is found too.
// It is no secret: who knows how can make a page fit. What an entry said is then still told by the audit tree and the
// checkpoints outside the store.
//
// Page: 4088 bytes as SQLite makes them ‖ 8 bytes checksum, in the space that SQLite reserves when asked. Only pages of
// main databases have one; the log holds pages without it, under its own checksums, and is written in batches
// (wal_write_batch.h).
#pragma once

#include <memory>
#include <string>

struct sqlite3;

namespace postern::storage {

// Registered while it lives. Thread-safe.
class PageChecksums {
 public:
  // On top of the VFS of that name; empty: the default one, which must outlive this.
  explicit PageChecksums(const std::string& base);
  ~PageChecksums();
  PageChecksums(const PageChecksums&) = delete;
  PageChecksums& operator=(const PageChecksums&) = delete;

  // For sqlite3_open_v2. Every database that is opened by it must have been made by it.
  const std::string& name() const;

  // Reserves the space in a database that is empty yet; for every new connection.
  static void Reserve(sqlite3* connection);

 private:
  class Vfs;
  const std::unique_ptr<Vfs> vfs_;
};

}  // namespace postern::storage
