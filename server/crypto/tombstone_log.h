// What was shredded, in a file apart from the key store.
//
// A copy of the key store from before a shred still holds the key. Put back, it would bring the key back to life; this
// file says what has to be destroyed again before any key is used. It is best kept where the key store's backups are
// not: a copy of both from the same moment says nothing.
//
// Layout: "postern tombstones 1\n", then one entry of 40 bytes for every tombstone, in the order of their sequence from
// 1:
//   id (16) ‖ shredded_at, milliseconds (8) ‖ last_generation (4) ‖ check (12)
// check: the first 12 bytes of SHA-256("postern tombstone v1" ‖ sequence (8) ‖ the 28 bytes before it). Numbers are
// big-endian. The check finds damage and torn writes; it is no signature.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/crypto/key_store.h"

namespace postern::crypto {

// The check of its entry.
std::string TombstoneCheck(const KeyTombstone& tombstone);

// Not thread-safe. Failures of the disk are LEDGER_UNAVAILABLE.
class TombstoneLog {
 public:
  // FAILED_PRECONDITION if others may access the file or it is no tombstone log; NOT_FOUND if there is none. A file of
  // no bytes is a log without entries.
  static absl::StatusOr<TombstoneLog> Open(const std::string& path);
  // The same, and makes an empty one where there is none.
  static absl::StatusOr<TombstoneLog> OpenOrCreate(const std::string& path);
  ~TombstoneLog();
  TombstoneLog(TombstoneLog&& other) noexcept;
  TombstoneLog& operator=(TombstoneLog&&) = delete;

  // Entries in the file, damaged ones included; what a torn write left behind the last is none.
  uint64_t size() const { return size_; }
  // The entry of this sequence, from 1 to size(); nothing if its check does not hold.
  absl::StatusOr<std::optional<KeyTombstone>> Read(uint64_t sequence);
  // Writes entries, whose sequences ascend by one from at most size() + 1, over what is there, durably. Not OK: call it
  // again with the same.
  absl::Status Write(absl::Span<const KeyTombstone> tombstones);
  // Takes the entries from `sequence` on for none: the next ones are written over them.
  void Forget(uint64_t sequence) { size_ = sequence - 1; }

 private:
  TombstoneLog(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  absl::Status Start();

  const std::string path_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

}  // namespace postern::crypto
