// The part of a partner's backlog that is in memory: which record may go next, which are on their way, and up to where
// everything has ended. No I/O, no locks, no clock.
//
// Records of one key go one at a time, in order: the next one is ready when the previous one has ended. A key that is
// blocked by a dead letter holds its later records back; they are not kept in memory, only the position of the first.
// A replayed dead letter has a newer position than they: it alone passes, and they are read again when it has ended.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/time/time.h"
#include "server/storage/store.h"

namespace postern::delivery {

// A record that waits for its partner, unsealed.
struct WindowEntry {
  storage::PendingPayload payload;           // sealed_payload empty
  std::shared_ptr<const std::string> bytes;  // the projected record
  bool redelivered = false;                  // may have been handed over by an earlier process
  uint64_t shreds = 0;                       // KeyStore::shreds before its keys were found
};

// Not thread-safe.
class BacklogWindow {
 public:
  // Everything at or below `position` has ended already.
  explicit BacklogWindow(int64_t position) : loaded_to_(position) {}

  // Takes a record; positions must grow within a key. A record of a blocked key is only remembered as held back, unless
  // it is the one that passes.
  void Add(WindowEntry entry);
  // Everything at or below `position` has been seen, whether it was added or has ended.
  void SetLoadedTo(int64_t position) { loaded_to_ = std::max(loaded_to_, position); }
  // Forgets every record that is not on its way; what has not ended must be read again from loaded_to(), leaving out
  // what is still here.
  void DropIdle();
  int64_t loaded_to() const { return loaded_to_; }

  // Ready records by position.
  const std::set<int64_t>& ready() const { return ready_; }
  // Null if the record is not in memory.
  const WindowEntry* Find(int64_t seq) const;
  bool InFlight(int64_t seq) const;
  // How often the record was handed over before.
  int attempts(int64_t seq) const;
  // How often the partner asked for the record again.
  int retries(int64_t seq) const;

  // A ready record is on its way.
  void HandOut(int64_t seq);
  // It comes back and is ready again at `not_before`. `asked` if the partner asked for it. False if it is not on its
  // way.
  bool GiveBack(int64_t seq, absl::Time not_before, bool asked);
  // Records whose time has come are ready; true if any.
  bool Wake(absl::Time now);
  // The record has ended; the next of its key is ready. Unknown positions are ignored.
  void Remove(int64_t seq);
  // A dead letter blocks its key, which may be blocked already.
  void Block(const storage::Mac16& key);
  // The dead letter is gone.
  void Unblock(const storage::Mac16& key);
  // The dead letter was replayed: the record at `position` passes, and the key is free when that has ended. Also for a
  // key that was not blocked here yet.
  void LetPass(const storage::Mac16& key, int64_t position);
  // Whether a key is free whose records were held back: DropIdle, and reading on from loaded_to(), brings them in.
  bool held_back() const { return held_back_; }
  // The same for every record. Counts of attempts stay.
  void Clear();

  // The last ready position with at most `records` records, of at most `bytes` together, at or below it that are not on
  // their way, ready or not; 0 if there is none.
  int64_t Reach(int64_t records, int64_t bytes) const;

  // Everything at or below has ended.
  int64_t Watermark() const;
  int64_t in_flight() const { return in_flight_; }
  int64_t idle() const { return records() - in_flight_; }
  int64_t records() const { return static_cast<int64_t>(entries_.size()); }
  int64_t bytes() const { return bytes_; }

 private:
  enum class Place : uint8_t { kWaiting, kReady, kInFlight };
  struct Slot {
    WindowEntry entry;
    Place place = Place::kWaiting;
    absl::Time not_before = absl::InfinitePast();
  };
  struct Attempts {
    int handed_over = 0;
    int asked = 0;
  };

  // A blocked key.
  struct Hold {
    int64_t first = 0;    // first position held back, or 0
    int64_t passing = 0;  // position of the replayed record, or 0
    bool over = false;    // nothing blocks it any more; only what was held back is missing
  };

  void Insert(WindowEntry entry);
  void Release(const storage::Mac16& key);
  void ForgetHeldBack();
  // Makes the first record of a key ready if nothing holds it.
  void Promote(const storage::Mac16& key);

  std::map<int64_t, Slot> entries_;
  absl::flat_hash_map<storage::Mac16, absl::InlinedVector<int64_t, 2>> keys_;  // in order of delivery
  absl::flat_hash_map<storage::Mac16, Hold> blocked_;
  absl::flat_hash_map<int64_t, storage::Mac16> passing_;  // of Hold::passing
  bool held_back_ = false;
  absl::flat_hash_map<int64_t, Attempts> attempts_;
  std::set<int64_t> ready_;
  std::set<std::pair<absl::Time, int64_t>> delayed_;
  int64_t loaded_to_;
  int64_t in_flight_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace postern::delivery
