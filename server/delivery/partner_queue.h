// One partner's queue: a window over its durable backlog, shared by all its streams.
//
// What was just committed is appended with its bytes while the window has room and the queue has seen everything
// before it; otherwise it is read again from the store, and unsealed, when there is room. A record is handed over only
// at or below the dispatch mark, which is durable first.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/postern/v1/errors.pb.h"
#include "proto/postern/v1/partner_service.pb.h"
#include "server/crypto/key_store.h"
#include "server/delivery/backlog_window.h"
#include "server/disclosure/grant_cache.h"
#include "server/disclosure/release.h"
#include "server/registry/partner_fence.h"
#include "server/storage/store.h"

namespace postern::delivery {

class ReceiveSession;

struct PartnerQueueOptions {
  // Memory of one partner: records and plaintext bytes; one record more may be held.
  int64_t max_window_records = 4096;
  int64_t max_window_bytes = 8 << 20;
  // One read of the backlog.
  int page_records = 512;
  int64_t page_bytes = 1 << 20;
  // A record that the partner asked for again this often becomes a dead letter. Broken streams do not count.
  int max_retries = 16;
  // Delay of the first retry; doubles up to the longest.
  absl::Duration first_retry = absl::Seconds(1);
  absl::Duration longest_retry = absl::Minutes(1);
};

// Thread-safe.
class PartnerQueue {
 public:
  // What a queue is made of; borrowed parts must outlive it.
  struct Parts {
    storage::PartnerId id = 0;
    std::string name;  // "partners/{partner}"
    std::shared_ptr<registry::PartnerFence> fence;
    storage::Store* store = nullptr;
    crypto::KeyStore* keys = nullptr;
    disclosure::GrantCache* grants = nullptr;
    PartnerQueueOptions options;
    std::function<absl::Time()> clock;
  };
  struct Counters {
    int64_t in_flight = 0;       // handed over, not acknowledged
    int64_t window_records = 0;  // in memory
    int64_t window_bytes = 0;    // plaintext in memory
    int64_t delivered = 0;       // handed over since the start, redeliveries included
    int64_t redelivered = 0;
    int64_t acknowledged = 0;
  };

  // Called without a lock of the queue held.
  struct Callbacks {
    std::function<void()> wake;    // there is something to prepare, to hand over or to settle
    std::function<void()> settle;  // there is something to settle, and that is all
  };

  // Reads lanes and dead letters. LEDGER_UNAVAILABLE.
  static absl::StatusOr<std::shared_ptr<PartnerQueue>> Open(const Parts& parts, Callbacks callbacks);

  storage::PartnerId id() const { return parts_.id; }
  const std::string& name() const { return parts_.name; }
  registry::PartnerFence* fence() const { return parts_.fence.get(); }

  // --- committing thread
  // The mark to make durable with a group whose entries of this partner are `count`, of `bytes` together, and end at
  // `last_seq`; 0 if they are not to be handed over right away.
  int64_t ProposeMark(int64_t count, int64_t bytes, int64_t last_seq);
  void Append(std::vector<disclosure::CommittedDisclosure> disclosures);
  // What is in memory may not be all up to where it was read.
  void Distrust();

  // --- pump thread
  // Reads and unseals backlog while there is room and a stream; returns the mark that has to be durable before more can
  // be handed over, or 0.
  absl::StatusOr<int64_t> Prepare();
  void MarkDurable(int64_t mark);
  // Time has passed: records to be tried again may be ready.
  void Tick(absl::Time now);
  // How many records Take would hand over now.
  int64_t Available() const;
  std::vector<std::shared_ptr<ReceiveSession>> Sessions() const;

  // --- sessions
  // Of an attached stream: what it may be handed now. No mark goes further than all streams together may be handed, so
  // what a partner possibly holds is what it asked for.
  struct Credits {
    int64_t records = 0;
    int64_t bytes = 0;
  };
  void SetCredits(const ReceiveSession* session, const Credits& credits);
  // FENCED if the fence is closed, OVERLOADED over `max_streams`.
  absl::Status Attach(const std::shared_ptr<ReceiveSession>& session, int max_streams);
  // A stream has ended; `unacknowledged` come back. The last one takes the window's memory with it. Idempotent.
  void Detach(const ReceiveSession* session, const std::vector<int64_t>& unacknowledged);
  // Moves ready records into `response` and appends their positions: at most `max_records` and `max_bytes`, and, after
  // the first, `soft_bytes`. The caller holds a pass of the fence. LEDGER_UNAVAILABLE.
  absl::Status Take(int64_t max_records, int64_t max_bytes, int64_t soft_bytes, v1::ReceiveResponse* response,
                    std::vector<int64_t>* positions);
  void Acknowledge(const std::vector<int64_t>& positions);
  void Retry(int64_t position);
  // As Retry, after what `delay` says for a record that has failed so often: nothing if it is to become a dead letter.
  void Postpone(int64_t position, absl::FunctionRef<std::optional<absl::Duration>(int failures)> delay);
  // The record did not leave after all; it is ready again.
  void GiveBack(int64_t position);
  void Reject(int64_t position);
  // After acknowledgements and credits: has settled what ended, and what can go now prepared. The pump is left asleep
  // if there is nothing for it, which is usual while a partner keeps up.
  void Proceed() const;

  // --- settling
  // What has ended since the last call; nullopt if nothing has. The next call must come after Settled or SettleFailed.
  absl::StatusOr<std::optional<storage::SettleBatch>> TakeSettleBatch();
  void Settled(const storage::SettleBatch& batch);
  void SettleFailed(storage::SettleBatch batch);
  // How many ends wait to be taken.
  int64_t Unsettled() const;

  // --- hub
  // What the contracts say: how many may be unacknowledged, and until when records are handed over at all.
  void SetTerms(int max_unacknowledged, absl::Time serves_until);
  int live_streams() const;
  // Forgets what is in memory, but for records on their way; the stored backlog is read again when there is a stream.
  void Reload();
  // Ends records that have waited too long, except those on their way. Returns how many.
  int64_t Expire(const std::vector<storage::PendingPayload>& overdue);
  // Ends records with WITHDRAWN and `reason`, except those on their way: they are not handed over again. Returns how
  // many were ended.
  int64_t Recall(const std::vector<storage::PendingPayload>& recalled, v1::ErrorReason reason);
  // Runs `commit`, which makes durable that the dead letter of a key is gone: replayed, and it returns the new
  // position, or given up, and it returns 0. Until that is known here nothing is taken for complete. Its errors; after
  // LEDGER_UNAVAILABLE the key stays blocked until the next start.
  absl::Status EndDeadLetter(const storage::Mac16& key, absl::FunctionRef<absl::StatusOr<int64_t>()> commit);
  Counters counters() const;

 private:
  struct Attached {
    std::weak_ptr<ReceiveSession> session;
    Credits credits;
  };

  PartnerQueue(const Parts& parts, Callbacks callbacks, const storage::LaneState& lanes);

  // True while there is a stream, the fence is open and the contracts hold: a stopped partner asks for no mark.
  bool Serving() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !attached_.empty() && parts_.fence->open() && InTerm();
  }
  bool InTerm() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return parts_.clock() < serves_until_; }
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool NeedsPage() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int64_t WantedMark() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Reads one page, unlocked meanwhile.
  absl::Status LoadPage() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The projected bytes; a status that is disclosure::LostForGood if they are gone.
  absl::StatusOr<std::string> Unseal(const storage::PendingPayload& payload) const;
  absl::Status CheckKeys(const storage::PendingPayload& payload) const;
  void Fill(const WindowEntry& entry, const storage::GrantRef& grant, bool redelivered,
            v1::DeliveredRecord* record) const;
  void EndRecord(const storage::PendingPayload& payload, v1::DisclosureState state, v1::ErrorReason reason)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool EndedMeanwhile(const storage::PendingPayload& payload) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DeadLetter(int64_t position, v1::ErrorReason reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReadAgain() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Constant after construction.
  const Parts parts_;
  const Callbacks callbacks_;
  const int64_t mark_at_open_;  // records at or below may have been handed over by an earlier process

  mutable absl::Mutex mutex_;
  BacklogWindow window_ ABSL_GUARDED_BY(mutex_);
  int64_t max_in_flight_ ABSL_GUARDED_BY(mutex_) = 1;
  absl::Time serves_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int64_t mark_ ABSL_GUARDED_BY(mutex_);
  bool ticked_ ABSL_GUARDED_BY(mutex_) = false;  // since the last Prepare
  bool more_ ABSL_GUARDED_BY(mutex_) = true;     // the store may hold records after window_.loaded_to()
  bool loading_ ABSL_GUARDED_BY(mutex_) = false;
  bool missed_ ABSL_GUARDED_BY(mutex_) = false;  // something was committed while a page was read
  int replaying_ ABSL_GUARDED_BY(mutex_) = 0;    // calls of EndDeadLetter: a position may exist that nobody appends
  uint64_t clears_ ABSL_GUARDED_BY(mutex_) = 0;  // a page read before a change of it is thrown away
  absl::flat_hash_map<const ReceiveSession*, Attached> attached_ ABSL_GUARDED_BY(mutex_);
  Credits credits_ ABSL_GUARDED_BY(mutex_);                        // of all of them
  storage::SettleBatch ends_ ABSL_GUARDED_BY(mutex_);              // since the last TakeSettleBatch
  std::vector<crypto::Uuid> ended_ids_ ABSL_GUARDED_BY(mutex_);    // of ends_.settlements
  std::vector<crypto::Uuid> taken_ids_ ABSL_GUARDED_BY(mutex_);    // of the batch that is being settled
  absl::flat_hash_set<int64_t> settling_ ABSL_GUARDED_BY(mutex_);  // ended, not yet durable: a page may still have them
  absl::flat_hash_map<int64_t, v1::ErrorReason> recalled_ ABSL_GUARDED_BY(mutex_);  // on their way, never again
  int64_t durable_watermark_ ABSL_GUARDED_BY(mutex_);
  Counters counters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::delivery
