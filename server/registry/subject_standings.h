// What subjects have said that bears on a disclosure: consents, restrictions, suppression. In memory whole, because
// every disclosure asks for each of its subjects; most people have no record, and cost one look-up in a small table.
//
// A disclosure that was judged by an old standing never slips through: whoever changes a standing raises the subject's
// fence in the same transaction as the record, and version(), read before the look-up, says which raises the look-up
// has seen. The commit refuses an entry whose subject's fence is newer.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/storage/store.h"

namespace postern::registry {

// One subject's.
struct SubjectStanding {
  std::vector<std::string> consents;              // given and not withdrawn: "category:<id>", "purpose:<id>"
  std::vector<std::string> restricted_purposes;   // closed by restriction or objection
  bool restricted = false;                        // everything is
  bool suppressed = false;                        // erased, and not come back
  absl::Time held_until = absl::InfinitePast();   // the end of the legal hold that ends last
  absl::Time minor_until = absl::InfinitePast();  // the end of the guardianship that ends last
  std::string canary_of;                          // "partners/{partner}" that alone may get an invented person

  bool Consents(absl::string_view key) const;
  bool Allows(absl::string_view purpose) const;
  bool MayGoTo(absl::string_view partner) const { return canary_of.empty() || canary_of == partner; }
};

// Thread-safe.
class SubjectStandings {
 public:
  // Reads every record of the store: once, before anything is served. LEDGER_UNAVAILABLE; INTERNAL if a record does not
  // parse.
  absl::Status Load(storage::Store& store);

  // Every change of a subject whose fence was raised at or below this version is visible to Find.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  // True if nobody has a record.
  bool empty() const { return count_.load(std::memory_order_acquire) == 0; }
  // Null for a subject without a record.
  std::shared_ptr<const SubjectStanding> Find(const storage::Mac16& subject) const;

  // What the store holds about the subject now. Disclosures judged by it are committed only after Vouch.
  void Replace(const storage::Mac16& subject, SubjectStanding standing);
  // Every subject whose fence was raised at or below `version` has been replaced since. Versions only grow.
  void Vouch(uint64_t version) { version_.store(version, std::memory_order_release); }

 private:
  // So that one subject's change does not stop the look-ups of all others.
  static constexpr size_t kShards = 16;
  struct Shard {
    mutable absl::Mutex mutex;
    absl::flat_hash_map<storage::Mac16, std::shared_ptr<const SubjectStanding>> standings ABSL_GUARDED_BY(mutex);
  };
  static size_t ShardOf(const storage::Mac16& subject) { return subject[0] % kShards; }

  std::atomic<uint64_t> version_{0};
  std::atomic<int64_t> count_{0};
  Shard shards_[kShards];
};

// From the records of one subject. INTERNAL if one does not parse.
absl::StatusOr<SubjectStanding> StandingFrom(const std::vector<storage::SubjectRecordRow>& records);

// "category:<id>", "purpose:<id>" or "everything": what records of consents and restrictions are found by.
std::string ScopeKey(const v1::UseScope& scope);

}  // namespace postern::registry
