#include "server/disclosure/committer.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/time/clock.h"
#include "server/base/failpoint.h"
#include "server/disclosure/audit_entry.h"
#include "server/disclosure/errors.h"
#include "server/disclosure/limits.h"

namespace postern::disclosure {
namespace {

// What a caller commits itself: one record and its targets.
constexpr size_t kMaxEntriesAlone = limits::kMaxTargets;

using TargetKey = std::pair<storage::Mac16, storage::Mac16>;  // target and record key

TargetKey KeyOf(const Entry& entry) {
  return {entry.row.target, entry.row.record_key};
}

}  // namespace

struct Committer::PendingJob {
  CommitJob job;
  size_t taken = 0;
  size_t finished = 0;
  absl::flat_hash_set<TargetKey> refused;
};

Entry& Committer::Slot::entry() const {
  return job->job.entries[index];
}

Committer::Committer(storage::Store* store, crypto::KeyStore* keys, ReleaseSink* sink, CommitterOptions options)
    : store_(store), keys_(keys), sink_(sink), options_(std::move(options)), sealer_(keys_) {
  completer_ = std::thread([this] { CompletionLoop(); });
  writer_ = std::thread([this] { WriterLoop(); });
}

Committer::~Committer() {
  Drain();
}

absl::Status Committer::Enqueue(CommitJob& job) {
  Group group;
  {
    absl::MutexLock lock(&mutex_);
    if (draining_) return errors::Draining();
    if (queued_entries_ + job.entries.size() > options_.max_queued_entries) {
      return errors::Overloaded("disclosures waiting for the ledger");
    }
    queued_entries_ += job.entries.size();
    auto pending = std::make_shared<PendingJob>();
    pending->job = std::move(job);
    const bool small = pending->job.entries.size() <= kMaxEntriesAlone;
    queue_.push_back(std::move(pending));
    const bool alone = ++unanswered_ == 1 && !committing_;
    if (!alone || !small || !serving_) return absl::OkStatus();
    committing_ = true;
    group = TakeGroup();
  }
  Commit(group);
  for (const std::shared_ptr<PendingJob>& pending : Finish(group)) Answer(*pending);
  // Last: Drain waits for it. What came meanwhile is the writer's.
  absl::MutexLock lock(&mutex_);
  committing_ = false;
  ++groups_released_;
  return absl::OkStatus();
}

void Committer::AwaitReleased() {
  absl::MutexLock lock(&mutex_);
  const uint64_t taken = groups_taken_;
  const auto released = [this, taken] {
    mutex_.AssertReaderHeld();
    return groups_released_ >= taken;
  };
  mutex_.Await(absl::Condition(&released));
}

void Committer::Drain() {
  {
    absl::MutexLock lock(&mutex_);
    draining_ = true;
  }
  if (writer_.joinable()) writer_.join();
  if (completer_.joinable()) completer_.join();
}

bool Committer::serving() const {
  absl::MutexLock lock(&mutex_);
  return serving_;
}

Committer::Stats Committer::stats() const {
  absl::MutexLock lock(&mutex_);
  Stats stats = stats_;
  stats.queued = queued_entries_;
  return stats;
}

void Committer::WriterLoop() {
  const auto may_work = [this] {
    mutex_.AssertReaderHeld();
    return MayWork();
  };
  const auto may_work_or_fails = [this] {
    mutex_.AssertReaderHeld();
    return MayWork() || !serving_;
  };
  for (;;) {
    Group group;
    bool probe = false;
    {
      absl::MutexLock lock(&mutex_);
      if (serving_) {
        // A caller that commits its own group may find the ledger failing: to probe it is this thread's work.
        mutex_.Await(absl::Condition(&may_work_or_fails));
        if (!MayWork()) continue;
      } else {
        probe = !mutex_.AwaitWithTimeout(absl::Condition(&may_work), options_.probe_interval);
      }
      if (!probe && queue_.empty()) break;
      if (!probe) {
        committing_ = true;
        group = TakeGroup();
      }
    }
    if (probe) {
      Probe();
      continue;
    }
    Commit(group);
    std::vector<std::shared_ptr<PendingJob>> complete = Finish(group);
    {
      absl::MutexLock lock(&mutex_);
      committing_ = false;
      ++groups_released_;
      // A single caller is answered here: nobody waits for this thread, and the way through another one costs it time.
      if (complete.size() != 1 || !queue_.empty() || !completed_.empty()) {
        for (auto& pending : complete) completed_.push_back(std::move(pending));
        complete.clear();
      }
    }
    for (const std::shared_ptr<PendingJob>& pending : complete) Answer(*pending);
  }
  absl::MutexLock lock(&mutex_);
  writer_done_ = true;
}

bool Committer::MayWork() const {
  if (committing_) return false;
  if (draining_ || queued_entries_ >= limits::kFullGroupRows) return true;
  return !queue_.empty() && completed_.empty();
}

Committer::Group Committer::TakeGroup() {
  Group group;
  ++groups_taken_;
  for (size_t jobs = 0; jobs < limits::kMaxGroupRequests && !queue_.empty(); ++jobs) {
    const std::shared_ptr<PendingJob> pending = queue_.front();
    std::vector<Entry>& entries = pending->job.entries;
    absl::flat_hash_set<TargetKey> seen;
    for (; pending->taken < entries.size(); ++pending->taken) {
      Entry& entry = entries[pending->taken];
      if (entries.size() > 1) {
        // Whether this record may be committed is known only when the earlier one of its key has been.
        if (!seen.insert(KeyOf(entry)).second) return group;
        if (pending->refused.contains(KeyOf(entry))) entry.result.status = errors::EarlierRecordRefused();
      }
      if (group.size() == limits::kMaxGroupRows) return group;
      group.push_back({pending, pending->taken});
      --queued_entries_;
    }
    queue_.pop_front();
  }
  return group;
}

void Committer::Commit(const Group& group) {
  std::vector<Entry*> entries;
  entries.reserve(group.size());
  for (const Slot& slot : group) {
    if (slot.entry().result.status.ok()) entries.push_back(&slot.entry());
  }
  if (entries.empty()) return;
  const absl::Time begin = absl::Now();
  const absl::Status status = WriteGroup(entries);
  SetServing(status.ok());
  if (status.ok()) {
    if (options_.on_group) options_.on_group(entries.size(), absl::Now() - begin);
    return;
  }
  for (Entry* entry : entries) entry->result.status = errors::LedgerUnavailable();
  absl::MutexLock lock(&mutex_);
  ++stats_.failures;
}

absl::Status Committer::WriteGroup(const std::vector<Entry*>& entries) {
  // Fails before anything is written but keys. Keys without a disclosure are harmless and are found by the retry.
  if (absl::Status status = sealer_.Seal(entries, options_.clock()); !status.ok()) return status;
  POSTERN_FAILPOINT("disclosure.keys_made");

  std::vector<Entry*> sealed;
  std::vector<storage::NewDisclosure> rows;
  rows.reserve(entries.size());
  for (Entry* entry : entries) {
    if (!entry->result.status.ok()) continue;
    sealed.push_back(entry);
    rows.push_back(std::move(entry->row));
  }
  if (rows.empty()) return absl::OkStatus();

  if (next_seq_ == 0) {
    const absl::StatusOr<int64_t> last = store_->ReadLastSeq();
    if (last.ok()) next_seq_ = *last + 1;
  }
  std::vector<storage::DispatchMark> marks;
  if (sink_ != nullptr) marks = sink_->MarksFor(rows, next_seq_);
  std::vector<storage::CommitResult> results;
  absl::Status status = absl::UnavailableError("failpoint");
  if (!base::FailpointFails("disclosure.before_commit")) status = store_->CommitGroup(rows, marks, &results);
  if (status.ok() && base::FailpointFails("disclosure.after_commit")) status = absl::UnavailableError("failpoint");
  for (size_t i = 0; i < sealed.size(); ++i) sealed[i]->row = std::move(rows[i]);
  if (!status.ok()) {
    // The group is durable as a whole or not at all, and the store takes no more writes until it knows which. The
    // callers hear LEDGER_UNAVAILABLE and ask again with the same request ids: then they get the original receipts if
    // it was durable, and are committed if it was not. Nothing of it is released from here; if it was durable, delivery
    // finds it in the backlog, which it reads again.
    if (sink_ != nullptr) sink_->OnUncertain();
    next_seq_ = 0;
    return status;
  }
  // From here on nothing can fail: the group is durable, and a crash leaves the rest to the start of the next process,
  // which reads the backlog, and to the callers, who get their receipts by asking again.
  Release(sealed, results);
  return absl::OkStatus();
}

void Committer::Release(const std::vector<Entry*>& entries, const std::vector<storage::CommitResult>& results) {
  std::vector<CommittedDisclosure> released;
  released.reserve(entries.size());
  uint64_t fresh = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    Entry& entry = *entries[i];
    entry.result = results[i];
    if (!entry.result.status.ok() || entry.result.replayed) continue;
    ++fresh;
    next_seq_ = std::max(next_seq_, entry.result.seq + 1);
    if (entry.row.exchange) continue;
    CommittedDisclosure& disclosure = released.emplace_back();
    disclosure.partner = entry.row.partner;
    disclosure.bytes = entry.bytes;
    disclosure.shreds = entry.shreds;
    storage::PendingPayload& payload = disclosure.payload;
    payload.seq = entry.result.seq;
    payload.id = entry.result.id;
    payload.grant = entry.row.grant;
    payload.lane = entry.row.lane;
    payload.record_key = entry.row.record_key;
    payload.record_version = entry.row.record_version;
    payload.handle = entry.row.handle;
    payload.time = entry.result.time;
    payload.key_ids = entry.row.key_ids;
  }
  if (sink_ != nullptr) sink_->OnCommitted(std::move(released));
  absl::MutexLock lock(&mutex_);
  ++stats_.groups;
  stats_.committed += fresh;
}

std::vector<std::shared_ptr<Committer::PendingJob>> Committer::Finish(const Group& group) {
  std::vector<std::shared_ptr<PendingJob>> complete;
  for (const Slot& slot : group) {
    PendingJob& pending = *slot.job;
    if (!slot.entry().result.status.ok()) pending.refused.insert(KeyOf(slot.entry()));
    if (++pending.finished == pending.job.entries.size()) complete.push_back(slot.job);
  }
  return complete;
}

void Committer::Answer(PendingJob& pending) {
  {
    absl::MutexLock lock(&mutex_);
    --unanswered_;
  }
  pending.job.done(std::move(pending.job.entries));
}

void Committer::CompletionLoop() {
  const auto has_work = [this] {
    mutex_.AssertReaderHeld();
    return !completed_.empty() || writer_done_;
  };
  for (;;) {
    std::shared_ptr<PendingJob> next;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&has_work));
      if (completed_.empty()) return;
      next = std::move(completed_.front());
      completed_.pop_front();
    }
    Answer(*next);
  }
}

void Committer::SetServing(bool serving) {
  {
    absl::MutexLock lock(&mutex_);
    if (serving_ == serving) return;
    serving_ = serving;
  }
  if (options_.on_serving) options_.on_serving(serving);
}

void Committer::Probe() {
  v1::AuditEntry entry = MakeEntry(v1::AuditEntry::KIND_LIFECYCLE, options_.clock(), kGatewayPrincipal, "");
  (*entry.mutable_details())["event"] = "ledger_writable_again";
  const absl::StatusOr<std::string> leaf = PublicLeaf(entry);
  if (leaf.ok() && store_->AppendAudit({*leaf}).ok()) SetServing(true);
}

}  // namespace postern::disclosure
