#include "server/delivery/delivery_hub.h"

#include <algorithm>
#include <utility>

#include "proto/errors/error.h"
#include "server/disclosure/audit_entry.h"
#include "server/disclosure/errors.h"
#include "server/disclosure/limits.h"
#include "server/disclosure/resolver.h"
#include "server/registry/errors.h"
#include "server/registry/queue_channel.h"

namespace postern::delivery {

DeliveryHub::DeliveryHub(const registry::SnapshotHolder* snapshots, storage::Store* store, crypto::KeyStore* keys,
                         DeliveryHubOptions options)
    : snapshots_(snapshots),
      store_(store),
      keys_(keys),
      options_(std::move(options)),
      grants_(store),
      settler_(store, options_.settler, options_.on_outcomes),
      next_expiry_(options_.clock()) {
  pump_ = std::thread([this] { PumpLoop(); });
}

DeliveryHub::~DeliveryHub() {
  Drain();
}

absl::StatusOr<std::shared_ptr<ReceiveSession>> DeliveryHub::OpenSession(const identity::Principal& principal,
                                                                         ReceiveCallbacks callbacks) {
  const std::shared_ptr<const registry::Snapshot> snapshot = snapshots_->Get();
  POSTERN_ASSIGN_OR_RETURN(const registry::PartnerView* partner,
                           disclosure::FindActivePartner(*snapshot, principal.partner));
  if (!registry::MayFetch(*partner)) return disclosure::errors::ChannelMismatch(principal.partner);
  if (options_.clock() >= principal.not_after) return disclosure::errors::CredentialExpired();
  return Open(*partner, principal, std::move(callbacks));
}

absl::StatusOr<std::shared_ptr<ReceiveSession>> DeliveryHub::OpenChannel(const registry::PartnerView& partner,
                                                                         ReceiveCallbacks callbacks) {
  identity::Principal gateway;
  gateway.name = std::string(disclosure::kGatewayPrincipal);
  gateway.partner = partner.resource.name();
  gateway.not_after = absl::InfiniteFuture();
  return Open(partner, gateway, std::move(callbacks));
}

absl::StatusOr<std::shared_ptr<ReceiveSession>> DeliveryHub::Open(const registry::PartnerView& partner,
                                                                  const identity::Principal& principal,
                                                                  ReceiveCallbacks callbacks) {
  POSTERN_ASSIGN_OR_RETURN(const QueuePtr queue, QueueFor(partner));
  queue->SetTerms(registry::QueueWindow(partner), registry::EndOfTerms(partner, options_.clock()));
  // The generation first: if the fence closes after this, the session's first pass is refused.
  const uint64_t generation = queue->fence()->generation();
  if (!queue->fence()->open()) return disclosure::errors::Fenced();
  std::shared_ptr<ReceiveSession> session(
      new ReceiveSession(queue, principal, generation, std::move(callbacks), options_.clock));
  POSTERN_RETURN_IF_ERROR(queue->Attach(session, options_.max_streams_per_partner));
  // After it is attached: either Drain has seen the session, or this sees the draining.
  if (Draining()) {
    session->End();
    return disclosure::errors::Draining();
  }
  MarkDirty(partner.id);
  return session;
}

bool DeliveryHub::Draining() const {
  absl::MutexLock lock(&mutex_);
  return draining_;
}

absl::StatusOr<DeliveryHub::QueuePtr> DeliveryHub::QueueFor(const registry::PartnerView& partner) {
  if (QueuePtr queue = FindQueue(partner.id); queue != nullptr) return queue;
  const PartnerQueue::Parts parts{partner.id, partner.resource.name(), partner.fence, store_, keys_,
                                  &grants_,   options_.queue,          options_.clock};
  const PartnerQueue::Callbacks callbacks{[this, id = partner.id] { MarkDirty(id); },
                                          [this, id = partner.id] { Settle(id); }};
  POSTERN_ASSIGN_OR_RETURN(QueuePtr opened, PartnerQueue::Open(parts, callbacks));
  absl::MutexLock lock(&mutex_);
  if (draining_) return disclosure::errors::Draining();
  return queues_.try_emplace(partner.id, std::move(opened)).first->second;
}

DeliveryHub::QueuePtr DeliveryHub::FindQueue(storage::PartnerId partner) const {
  absl::MutexLock lock(&mutex_);
  const auto it = queues_.find(partner);
  return it == queues_.end() ? nullptr : it->second;
}

DeliveryHub::QueuePtr DeliveryHub::FindQueue(absl::string_view partner) const {
  absl::MutexLock lock(&mutex_);
  for (const auto& [id, queue] : queues_) {
    if (absl::string_view(queue->name()) == partner) return queue;
  }
  return nullptr;
}

std::vector<DeliveryHub::QueuePtr> DeliveryHub::AllQueues() const {
  std::vector<QueuePtr> queues;
  absl::MutexLock lock(&mutex_);
  queues.reserve(queues_.size());
  for (const auto& [id, queue] : queues_) queues.push_back(queue);
  return queues;
}

// --- revocation

DeliveryHub::Cut DeliveryHub::StopPartner(absl::string_view partner, const absl::Status& status) {
  Cut cut;
  const std::shared_ptr<const registry::Snapshot> snapshot = snapshots_->Get();
  if (const registry::PartnerView* view = snapshot->FindPartner(partner); view != nullptr) calls_.CancelAll(view->id);
  if (options_.on_stopped) options_.on_stopped(partner);
  const QueuePtr queue = FindQueue(partner);
  if (queue == nullptr) return cut;
  cut.live_streams = queue->live_streams();
  for (const std::shared_ptr<ReceiveSession>& session : queue->Sessions()) session->EndWith(status);
  // A mark that was asked for before the fence closed is durable, or given up, when this goes on.
  { absl::MutexLock barrier(&reserving_); }
  const auto no_mark_under_way = [this, id = queue->id()] {
    mutex_.AssertReaderHeld();
    return std::none_of(proposed_.begin(), proposed_.end(),
                        [id](const storage::DispatchMark& mark) { return mark.span.partner == id; });
  };
  {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&no_mark_under_way));
  }
  // What was acknowledged before counts as delivered. If the ledger cannot be written, it counts as possibly held.
  settler_.Notify(queue, queue->Unsettled());
  settler_.Flush().IgnoreError();
  return cut;
}

void DeliveryHub::Reload(storage::PartnerId partner) {
  if (const QueuePtr queue = FindQueue(partner); queue != nullptr) queue->Reload();
}

int DeliveryHub::LiveStreams(absl::string_view partner) const {
  const QueuePtr queue = FindQueue(partner);
  return queue == nullptr ? 0 : queue->live_streams();
}

absl::Status DeliveryHub::EndDeadLetter(const registry::PartnerView& partner, const storage::Mac16& record_key,
                                        absl::FunctionRef<absl::StatusOr<int64_t>()> commit) {
  // The queue is there before the change: one that opens in between could have read half of it.
  POSTERN_ASSIGN_OR_RETURN(const QueuePtr queue, QueueFor(partner));
  return queue->EndDeadLetter(record_key, commit);
}

// --- committing thread

std::vector<storage::DispatchMark> DeliveryHub::MarksFor(absl::Span<const storage::NewDisclosure> group,
                                                         int64_t next_seq) {
  std::vector<storage::DispatchMark> marks;
  if (next_seq == 0) return marks;
  struct Share {
    int64_t count = 0;
    int64_t bytes = 0;
    int64_t last = 0;
  };
  absl::flat_hash_map<storage::PartnerId, Share> shares;
  for (size_t i = 0; i < group.size(); ++i) {
    if (group[i].exchange) continue;
    Share& share = shares[group[i].partner];
    ++share.count;
    share.bytes += static_cast<int64_t>(group[i].sealed_payload.size());  // a little more than the record
    // Refused entries take no position, so the true one may be lower; the store cuts the mark to it.
    share.last = next_seq + static_cast<int64_t>(i);
  }
  absl::MutexLock lock(&mutex_);
  for (const auto& [partner, share] : shares) {
    const auto it = queues_.find(partner);
    if (it == queues_.end()) continue;
    const int64_t mark = it->second->ProposeMark(share.count, share.bytes, share.last);
    if (mark > 0) marks.push_back({{partner, 0, storage::kLanes - 1}, mark});
  }
  proposed_ = marks;
  return marks;
}

void DeliveryHub::OnCommitted(std::vector<disclosure::CommittedDisclosure> disclosures) {
  absl::flat_hash_map<storage::PartnerId, std::vector<disclosure::CommittedDisclosure>> by_partner;
  for (disclosure::CommittedDisclosure& disclosure : disclosures) {
    by_partner[disclosure.partner].push_back(std::move(disclosure));
  }
  std::vector<storage::DispatchMark> marks;
  {
    absl::MutexLock lock(&mutex_);
    marks.swap(proposed_);
  }
  for (auto& [partner, records] : by_partner) {
    const QueuePtr queue = FindQueue(partner);
    if (queue == nullptr) continue;
    const int64_t last = records.back().payload.seq;
    queue->Append(std::move(records));
    for (const storage::DispatchMark& mark : marks) {
      // A mark beyond what was committed was made durable only as far as that.
      if (mark.span.partner == partner) queue->MarkDurable(std::min(mark.seq, last));
    }
    MarkDirty(partner);
  }
}

void DeliveryHub::OnUncertain() {
  {
    absl::MutexLock lock(&mutex_);
    proposed_.clear();
  }
  for (const QueuePtr& queue : AllQueues()) {
    queue->Distrust();
    MarkDirty(queue->id());
  }
}

// --- pump

void DeliveryHub::MarkDirty(storage::PartnerId partner) {
  absl::MutexLock lock(&mutex_);
  dirty_.insert(partner);
}

void DeliveryHub::Settle(storage::PartnerId partner) {
  if (const QueuePtr queue = FindQueue(partner); queue != nullptr) settler_.Notify(queue, queue->Unsettled());
}

void DeliveryHub::PumpLoop() {
  const auto has_work = [this] {
    mutex_.AssertReaderHeld();
    return !dirty_.empty() || draining_;
  };
  absl::Time next_tick = absl::Now() + options_.tick;
  for (;;) {
    std::vector<QueuePtr> queues;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithDeadline(absl::Condition(&has_work), next_tick);
      if (draining_) return;
      for (const storage::PartnerId partner : dirty_) {
        const auto it = queues_.find(partner);
        if (it != queues_.end()) queues.push_back(it->second);
      }
      dirty_.clear();
    }
    Pump(queues);
    if (absl::Now() >= next_tick) {
      Tick();
      next_tick = absl::Now() + options_.tick;
    }
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&draining_), options_.linger);
  }
}

void DeliveryHub::Pump(const std::vector<QueuePtr>& queues) {
  {
    absl::MutexLock lock(&reserving_);
    std::vector<storage::DispatchMark> marks;
    std::vector<PartnerQueue*> marked;
    for (const QueuePtr& queue : queues) {
      // A failure leaves the queue as it is; the next tick tries again.
      const absl::StatusOr<int64_t> mark = queue->Prepare();
      if (!mark.ok() || *mark == 0) continue;
      marks.push_back({{queue->id(), 0, storage::kLanes - 1}, *mark});
      marked.push_back(queue.get());
    }
    // Not OK: whether a mark is durable is unknown, so nothing above the old one is handed over. One partner whose
    // backlog was ended just now must not keep the others waiting.
    absl::Status reserved = marks.empty() ? absl::OkStatus() : store_->ReserveDispatch(marks);
    const bool one_by_one = ReasonOf(reserved) == v1::ERROR_REASON_FENCED;
    for (size_t i = 0; i < marks.size(); ++i) {
      if (one_by_one) reserved = store_->ReserveDispatch({marks[i]});
      if (reserved.ok()) marked[i]->MarkDurable(marks[i].seq);
    }
  }
  for (const QueuePtr& queue : queues) {
    if (const int64_t unsettled = queue->Unsettled(); unsettled > 0) settler_.Notify(queue, unsettled);
    int64_t available = queue->Available();
    if (available <= 0) continue;
    for (const std::shared_ptr<ReceiveSession>& session : queue->Sessions()) {
      if (available <= 0) break;
      if (!session->WantsRecords()) continue;
      session->Ready();
      available -= disclosure::limits::kMaxResponseRecords;
    }
  }
}

void DeliveryHub::Tick() {
  const absl::Time now = options_.clock();
  const std::shared_ptr<const registry::Snapshot> snapshot = snapshots_->Get();
  for (const QueuePtr& queue : AllQueues()) {
    // A stream that lives on goes by the contracts of today.
    if (const registry::PartnerView* partner = snapshot->FindPartner(queue->name()); partner != nullptr) {
      queue->SetTerms(registry::QueueWindow(*partner), registry::EndOfTerms(*partner, now));
    }
    queue->Tick(now);
    for (const std::shared_ptr<ReceiveSession>& session : queue->Sessions()) {
      if (session->Expired()) session->EndWith(disclosure::errors::CredentialExpired());
    }
    MarkDirty(queue->id());
  }
  if (now >= next_expiry_) {
    next_expiry_ = now + options_.expiry_interval;
    // What could not be read or settled is overdue the next time as well.
    ExpirePending().IgnoreError();
  }
}

void DeliveryHub::Drain() {
  {
    absl::MutexLock lock(&mutex_);
    if (draining_) return;
    draining_ = true;
  }
  pump_.join();
  for (const QueuePtr& queue : AllQueues()) {
    for (const std::shared_ptr<ReceiveSession>& session : queue->Sessions()) {
      session->EndWith(disclosure::errors::Draining());
    }
    settler_.Notify(queue, queue->Unsettled());
  }
  settler_.Stop();
}

std::vector<DeliveryHub::PartnerStats> DeliveryHub::Stats() const {
  std::vector<PartnerStats> stats;
  for (const QueuePtr& queue : AllQueues()) stats.push_back({queue->name(), queue->live_streams(), queue->counters()});
  return stats;
}

}  // namespace postern::delivery
