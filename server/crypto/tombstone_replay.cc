#include "server/crypto/tombstone_replay.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "proto/errors/error.h"
#include "server/crypto/errors.h"
#include "server/crypto/key_shred.h"

namespace postern::crypto {
namespace {

constexpr uint64_t kStep = 1000;  // tombstones a transaction, or a write
// How many of the newest entries are compared with the store at a start: more than one write can have torn.
constexpr uint64_t kCompared = 16384;

// What the store has from `first` on, up to `last`.
absl::StatusOr<std::vector<KeyTombstone>> Stored(KeyTable& table, uint64_t first, uint64_t last) {
  POSTERN_ASSIGN_OR_RETURN(std::vector<KeyTombstone> stored, table.ListTombstones(first - 1, last - first + 1));
  return stored;
}

// Compares the newest entries that both have, and writes those again that a crash has torn. DATA_LOSS if one is whole
// and another key's.
absl::Status Compare(KeyTable& table, TombstoneLog& log, const std::string& path, uint64_t last) {
  uint64_t first = last > kCompared ? last - kCompared + 1 : 1;
  while (first <= last) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<KeyTombstone> stored,
                             Stored(table, first, std::min(last, first + kStep - 1)));
    if (stored.empty() || stored.front().sequence != first) return errors::TombstonesDiverge(path, first);
    bool torn = false;
    for (const KeyTombstone& tombstone : stored) {
      POSTERN_ASSIGN_OR_RETURN(const std::optional<KeyTombstone> entry, log.Read(tombstone.sequence));
      if (entry.has_value() && entry->id != tombstone.id) return errors::TombstonesDiverge(path, tombstone.sequence);
      torn = torn || !entry.has_value();
    }
    if (torn) POSTERN_RETURN_IF_ERROR(log.Write(stored));
    first = stored.back().sequence + 1;
  }
  return absl::OkStatus();
}

// Forgets entries at the end of the log that were never whole: nobody was told of their shred.
absl::Status DropTornEnd(TombstoneLog& log, uint64_t stored) {
  while (log.size() > stored) {
    POSTERN_ASSIGN_OR_RETURN(const std::optional<KeyTombstone> last, log.Read(log.size()));
    if (last.has_value()) return absl::OkStatus();
    log.Forget(log.size());
  }
  return absl::OkStatus();
}

// The entries in [first, last]; DATA_LOSS if one is damaged.
absl::StatusOr<std::vector<KeyTombstone>> ReadEntries(TombstoneLog& log, const std::string& path, uint64_t first,
                                                      uint64_t last) {
  std::vector<KeyTombstone> entries;
  for (uint64_t sequence = first; sequence <= last; ++sequence) {
    POSTERN_ASSIGN_OR_RETURN(const std::optional<KeyTombstone> entry, log.Read(sequence));
    if (!entry.has_value()) return errors::TombstonesDiverge(path, sequence);
    entries.push_back(*entry);
  }
  return entries;
}

absl::Status ShredAgain(KeyTable& table, const KekRing& keks, const std::vector<KeyTombstone>& entries) {
  for (const KeyTombstone& entry : entries) {
    const uint32_t generation = std::max(entry.last_generation, keks.current());
    POSTERN_RETURN_IF_ERROR(ShredKey(table, keks, entry.id, entry.shredded_at, generation));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<uint64_t> ReplayTombstones(KeyTable& table, const KekRing& keks, TombstoneLog& log,
                                          const std::string& path) {
  POSTERN_ASSIGN_OR_RETURN(const uint64_t stored, table.LastTombstone());
  POSTERN_RETURN_IF_ERROR(DropTornEnd(log, stored));
  POSTERN_RETURN_IF_ERROR(Compare(table, log, path, std::min(stored, log.size())));
  POSTERN_RETURN_IF_ERROR(ExtendTombstoneLog(table, log));
  for (uint64_t done = stored; done < log.size();) {
    const uint64_t last = std::min(done + kStep, log.size());
    POSTERN_ASSIGN_OR_RETURN(const std::vector<KeyTombstone> entries, ReadEntries(log, path, done + 1, last));
    POSTERN_RETURN_IF_ERROR(table.Begin());
    absl::Status status = ShredAgain(table, keks, entries);
    if (status.ok()) status = table.Commit();
    if (!status.ok()) {
      table.Rollback();
      return status;
    }
    POSTERN_ASSIGN_OR_RETURN(done, table.LastTombstone());
    if (done != last) return errors::TombstonesDiverge(path, last);
  }
  return log.size() - stored;
}

absl::Status ExtendTombstoneLog(KeyTable& table, TombstoneLog& log) {
  for (;;) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<KeyTombstone> step, table.ListTombstones(log.size(), kStep));
    if (step.empty()) return absl::OkStatus();
    POSTERN_RETURN_IF_ERROR(log.Write(step));
  }
}

}  // namespace postern::crypto
