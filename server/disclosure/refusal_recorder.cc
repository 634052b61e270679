#include "server/disclosure/refusal_recorder.h"

#include <utility>
#include <vector>

#include "proto/errors/error.h"
#include "server/disclosure/audit_entry.h"

namespace postern::disclosure {

RefusalRecorder::RefusalRecorder(storage::Store* store, RefusalRecorderOptions options)
    : store_(store), options_(std::move(options)) {
  thread_ = std::thread([this] { Loop(); });
}

RefusalRecorder::~RefusalRecorder() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  thread_.join();
}

void RefusalRecorder::Record(absl::string_view principal, absl::string_view resource, v1::ErrorReason reason) {
  absl::MutexLock lock(&mutex_);
  ++total_;
  Add({std::string(principal), std::string(resource), reason}, 1);
}

void RefusalRecorder::Add(Key key, int64_t count) {
  if (counts_.size() >= options_.max_entries && !counts_.contains(key)) key.resource.clear();
  if (counts_.size() >= options_.max_entries && !counts_.contains(key)) key.principal.clear();
  counts_[std::move(key)] += count;
}

absl::Status RefusalRecorder::Flush() {
  absl::MutexLock one(&flush_mutex_);
  Counts counts;
  {
    absl::MutexLock lock(&mutex_);
    counts.swap(counts_);
  }
  if (counts.empty()) return absl::OkStatus();
  const auto append = [&]() -> absl::Status {
    const absl::Time now = options_.clock();
    std::vector<std::string> leaves;
    for (const auto& [key, count] : counts) {
      v1::AuditEntry entry = MakeEntry(v1::AuditEntry::KIND_REFUSAL, now, key.principal, key.resource);
      entry.set_reason(ReasonName(key.reason));
      entry.set_count(count);
      POSTERN_ASSIGN_OR_RETURN(std::string leaf, PublicLeaf(entry));
      leaves.push_back(std::move(leaf));
    }
    return store_->AppendAudit(leaves).status();
  };
  absl::Status status = append();
  if (!status.ok()) {
    absl::MutexLock lock(&mutex_);
    for (const auto& [key, count] : counts) Add(key, count);
  }
  return status;
}

uint64_t RefusalRecorder::total() const {
  absl::MutexLock lock(&mutex_);
  return total_;
}

void RefusalRecorder::Loop() {
  for (bool stop = false; !stop;) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(&stop_), options_.interval);
      stop = stop_;
    }
    // A failure keeps the counts for the next round; the committing thread reports that the ledger is down.
    Flush().IgnoreError();
  }
}

}  // namespace postern::disclosure
