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

// Writes the store's tombstones from `first` on to the log.
absl::Status WriteFrom(KeyTable& table, TombstoneLog& log, uint64_t first) {
  for (;;) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<KeyTombstone> step, table.ListTombstones(first - 1, kStep));
    if (step.empty()) return absl::OkStatus();
    POSTERN_RETURN_IF_ERROR(log.Write(step));
    first = step.back().sequence + 1;
  }
}

// The newest sequence at or below `last` that the log has whole; a crash may have torn what it wrote last. 0 if none.
// It must be the store's as well.
absl::StatusOr<uint64_t> LastCommon(KeyTable& table, TombstoneLog& log, const std::string& path, uint64_t last) {
  for (uint64_t sequence = last; sequence > 0; --sequence) {
    POSTERN_ASSIGN_OR_RETURN(const std::optional<KeyTombstone> entry, log.Read(sequence));
    if (!entry.has_value()) continue;
    POSTERN_ASSIGN_OR_RETURN(const std::vector<KeyTombstone> stored, table.ListTombstones(sequence - 1, 1));
    const bool same = !stored.empty() && stored[0].sequence == sequence && stored[0].id == entry->id;
    if (!same) return errors::TombstonesDiverge(path, sequence);
    return sequence;
  }
  return 0;
}

}  // namespace

absl::StatusOr<uint64_t> ReplayTombstones(KeyTable& table, const KekRing& keks, TombstoneLog& log,
                                          const std::string& path) {
  POSTERN_ASSIGN_OR_RETURN(const uint64_t stored, table.LastTombstone());
  POSTERN_ASSIGN_OR_RETURN(const uint64_t common, LastCommon(table, log, path, std::min(stored, log.size())));
  if (common < stored) POSTERN_RETURN_IF_ERROR(WriteFrom(table, log, common + 1));
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
  return log.size() - std::min(stored, log.size());
}

absl::Status ExtendTombstoneLog(KeyTable& table, TombstoneLog& log) {
  return WriteFrom(table, log, log.size() + 1);
}

}  // namespace postern::crypto
