#include "server/delivery/settler.h"

#include <utility>

#include "server/delivery/partner_queue.h"
#include "server/disclosure/errors.h"

namespace postern::delivery {

Settler::Settler(storage::Store* store, SettlerOptions options, std::function<void()> on_settled)
    : store_(store), options_(options), on_settled_(std::move(on_settled)) {
  thread_ = std::thread([this] { Loop(); });
}

Settler::~Settler() {
  Stop();
}

void Settler::Notify(const std::shared_ptr<PartnerQueue>& queue, int64_t unsettled) {
  absl::MutexLock lock(&mutex_);
  dirty_[queue] = unsettled;
}

void Settler::Settle(storage::SettleBatch batch, Done done) {
  {
    absl::MutexLock lock(&mutex_);
    if (!stop_) {
      direct_.push_back({std::move(batch), std::move(done)});
      return;
    }
  }
  done(disclosure::errors::Draining());
}

absl::Status Settler::Flush() {
  return SettleAll();
}

void Settler::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

bool Settler::Full() const {
  int64_t waiting = 0;
  for (const auto& [queue, unsettled] : dirty_) waiting += unsettled;
  return waiting >= options_.max_acknowledgements;
}

void Settler::Loop() {
  const auto has_work = [this] {
    mutex_.AssertReaderHeld();
    return stop_ || !direct_.empty() || !dirty_.empty();
  };
  const auto due = [this] {
    mutex_.AssertReaderHeld();
    return Due();
  };
  for (bool stop = false; !stop;) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&has_work));
      mutex_.AwaitWithTimeout(absl::Condition(&due), options_.interval);
      stop = stop_;
    }
    if (SettleAll().ok() || stop) continue;
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&stop_), options_.retry);
  }
}

absl::Status Settler::SettleAll() {
  absl::MutexLock one(&settling_);
  absl::flat_hash_map<std::shared_ptr<PartnerQueue>, int64_t> dirty;
  std::vector<Direct> direct;
  {
    absl::MutexLock lock(&mutex_);
    dirty.swap(dirty_);
    direct.swap(direct_);
  }
  std::vector<storage::SettleBatch> batches;
  std::vector<std::shared_ptr<PartnerQueue>> queues;
  absl::Status status;
  for (const auto& [queue, unsettled] : dirty) {
    absl::StatusOr<std::optional<storage::SettleBatch>> batch = queue->TakeSettleBatch();
    if (!batch.ok()) {
      status = batch.status();  // nothing was taken from it: it stays for the next round
      Notify(queue, unsettled);
    } else if (batch->has_value()) {
      batches.push_back(**std::move(batch));
      queues.push_back(queue);
    }
  }
  const size_t from_queues = batches.size();
  for (Direct& one_batch : direct) batches.push_back(std::move(one_batch.batch));
  if (batches.empty()) return status;

  const absl::Status written = store_->Settle(batches);
  // Failed: it is durable or not, and whoever asks for it again finds out. Acknowledgements are settled again, which
  // changes nothing the second time; an exchange is left to its caller, who has its outcome in hand.
  for (size_t i = 0; i < from_queues; ++i) {
    if (written.ok()) {
      queues[i]->Settled(batches[i]);
    } else {
      queues[i]->SettleFailed(std::move(batches[i]));
      Notify(queues[i], queues[i]->Unsettled());
    }
  }
  for (const Direct& one_batch : direct) one_batch.done(written);
  if (written.ok() && on_settled_) on_settled_();
  return written.ok() ? status : written;
}

}  // namespace postern::delivery
