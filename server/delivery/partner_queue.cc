#include "server/delivery/partner_queue.h"

#include <algorithm>
#include <utility>

#include "proto/errors/error.h"
#include "server/delivery/receive_session.h"
#include "server/disclosure/audit_entry.h"
#include "server/disclosure/errors.h"
#include "server/disclosure/names.h"
#include "server/disclosure/sealed_payload.h"
#include "server/registry/times.h"

namespace postern::delivery {
namespace {

constexpr int kDeadLetterPage = 1000;

}  // namespace

absl::StatusOr<std::shared_ptr<PartnerQueue>> PartnerQueue::Open(const Parts& parts, Callbacks callbacks) {
  POSTERN_ASSIGN_OR_RETURN(const storage::LaneState lanes, parts.store->ReadLanes(parts.id));
  std::shared_ptr<PartnerQueue> queue(new PartnerQueue(parts, std::move(callbacks), lanes));
  for (int64_t after = 0;;) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::DeadLetterRow> letters,
                             parts.store->ListDeadLetters(parts.id, after, kDeadLetterPage));
    absl::MutexLock lock(&queue->mutex_);
    for (const storage::DeadLetterRow& letter : letters) {
      queue->window_.Block(letter.disclosure.record_key);
      after = letter.disclosure.seq;
    }
    if (letters.size() < kDeadLetterPage) break;
  }
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::PendingReplay> replays,
                           parts.store->ListPendingReplays(parts.id));
  absl::MutexLock lock(&queue->mutex_);
  for (const storage::PendingReplay& replay : replays) queue->window_.LetPass(replay.record_key, replay.seq);
  return queue;
}

PartnerQueue::PartnerQueue(const Parts& parts, Callbacks callbacks, const storage::LaneState& lanes)
    : parts_(parts),
      callbacks_(std::move(callbacks)),
      mark_at_open_(lanes.dispatch_mark),
      window_(lanes.watermark),
      mark_(lanes.dispatch_mark),
      durable_watermark_(lanes.watermark) {
  ends_.span.partner = parts_.id;
}

// --- committing thread

int64_t PartnerQueue::ProposeMark(int64_t count, int64_t bytes, int64_t last_seq) {
  absl::MutexLock lock(&mutex_);
  if (!Serving() || more_ || !HasRoom()) return 0;
  const int64_t waiting = window_.idle() + count;
  if (waiting > credits_.records || window_.in_flight() + waiting > max_in_flight_) return 0;
  return bytes <= credits_.bytes ? last_seq : 0;
}

void PartnerQueue::Append(std::vector<disclosure::CommittedDisclosure> disclosures) {
  absl::MutexLock lock(&mutex_);
  if (attached_.empty()) {
    more_ = true;
    return;
  }
  for (disclosure::CommittedDisclosure& disclosure : disclosures) {
    if (disclosure.payload.seq <= window_.loaded_to()) continue;
    if (more_ || !HasRoom()) {
      more_ = true;
      missed_ = true;
      return;
    }
    window_.Add({std::move(disclosure.payload), std::move(disclosure.bytes), /*redelivered=*/false, disclosure.shreds});
  }
}

void PartnerQueue::Distrust() {
  absl::MutexLock lock(&mutex_);
  more_ = true;
  missed_ = true;
}

// --- pump thread

bool PartnerQueue::HasRoom() const {
  return window_.records() < parts_.options.max_window_records && window_.bytes() < parts_.options.max_window_bytes;
}

bool PartnerQueue::NeedsPage() const {
  return more_ && replaying_ == 0 && Serving() && HasRoom() &&
         static_cast<int64_t>(window_.ready().size()) < parts_.options.page_records;
}

absl::StatusOr<int64_t> PartnerQueue::Prepare() {
  absl::MutexLock lock(&mutex_);
  if (window_.held_back()) {
    window_.DropIdle();
    ReadAgain();
  }
  while (NeedsPage()) POSTERN_RETURN_IF_ERROR(LoadPage());
  const int64_t mark = WantedMark();
  ticked_ = false;
  return mark;
}

int64_t PartnerQueue::WantedMark() const {
  if (!Serving() || window_.ready().empty()) return 0;
  const int64_t window = std::min(max_in_flight_, window_.in_flight() + credits_.records);
  const int64_t free = window - window_.in_flight();
  if (free <= 0) return 0;
  // A mark costs a transaction: while most of the window is on its way, it waits until a quarter is free, or a while.
  if (!ticked_ && free < window / 4 && free < window_.idle()) return 0;
  const int64_t reach = window_.Reach(free, credits_.bytes);
  return reach > mark_ ? reach : 0;
}

absl::Status PartnerQueue::LoadPage() {
  const int64_t after = window_.loaded_to();
  const uint64_t clears = clears_;
  missed_ = false;
  loading_ = true;
  mutex_.Unlock();
  const uint64_t shreds = parts_.keys->shreds();
  absl::StatusOr<std::vector<storage::PendingPayload>> page =
      parts_.store->ReadBacklog(parts_.id, after, parts_.options.page_records, parts_.options.page_bytes);
  std::vector<absl::StatusOr<std::string>> unsealed;
  absl::Status trouble = page.status();
  if (page.ok()) {
    for (const storage::PendingPayload& payload : *page) {
      unsealed.push_back(Unseal(payload));
      // Only what is lost for good ends a record; while keys cannot be read, it waits.
      const absl::Status& status = unsealed.back().status();
      if (!status.ok() && !disclosure::LostForGood(status)) trouble = status;
    }
  }
  mutex_.Lock();
  loading_ = false;
  POSTERN_RETURN_IF_ERROR(trouble);
  // Nor does it end anything once the partner was stopped: keys that went with it are a revocation's to account for.
  if (clears != clears_ || !Serving()) return absl::OkStatus();
  for (size_t i = 0; i < page->size(); ++i) {
    storage::PendingPayload& payload = (*page)[i];
    payload.sealed_payload.clear();
    window_.SetLoadedTo(payload.seq);
    if (settling_.contains(payload.seq) || window_.Find(payload.seq) != nullptr) continue;
    if (!unsealed[i].ok()) {
      EndRecord(payload, v1::DISCLOSURE_STATE_WITHDRAWN, ReasonOf(unsealed[i].status()));
      continue;
    }
    const bool redelivered = payload.replayed || payload.seq <= mark_at_open_;
    window_.Add(
        {std::move(payload), std::make_shared<const std::string>(*std::move(unsealed[i])), redelivered, shreds});
  }
  // A commit that this page cannot have seen has set missed_, or will append by itself.
  if (page->empty() && !missed_ && replaying_ == 0) more_ = false;
  return absl::OkStatus();
}

void PartnerQueue::MarkDurable(int64_t mark) {
  absl::MutexLock lock(&mutex_);
  mark_ = std::max(mark_, mark);
}

void PartnerQueue::Tick(absl::Time now) {
  absl::MutexLock lock(&mutex_);
  ticked_ = true;
  window_.Wake(now);
}

int64_t PartnerQueue::Available() const {
  absl::MutexLock lock(&mutex_);
  if (!Serving() || window_.ready().empty() || *window_.ready().begin() > mark_) return 0;
  return std::min(static_cast<int64_t>(window_.ready().size()), max_in_flight_ - window_.in_flight());
}

std::vector<std::shared_ptr<ReceiveSession>> PartnerQueue::Sessions() const {
  std::vector<std::shared_ptr<ReceiveSession>> sessions;
  absl::MutexLock lock(&mutex_);
  for (const auto& [key, attached] : attached_) {
    if (std::shared_ptr<ReceiveSession> session = attached.session.lock()) sessions.push_back(std::move(session));
  }
  return sessions;
}

// --- sessions

absl::Status PartnerQueue::Attach(const std::shared_ptr<ReceiveSession>& session, int max_streams) {
  absl::MutexLock lock(&mutex_);
  if (!parts_.fence->open()) return disclosure::errors::Fenced();
  if (static_cast<int>(attached_.size()) >= max_streams) return disclosure::errors::Overloaded("Receive streams");
  attached_.emplace(session.get(), Attached{session, {}});
  return absl::OkStatus();
}

void PartnerQueue::SetCredits(const ReceiveSession* session, const Credits& credits) {
  absl::MutexLock lock(&mutex_);
  const auto found = attached_.find(session);
  if (found == attached_.end()) return;
  Credits& had = found->second.credits;
  credits_.records += credits.records - had.records;
  credits_.bytes += credits.bytes - had.bytes;
  had = credits;
}

void PartnerQueue::Detach(const ReceiveSession* session, const std::vector<int64_t>& unacknowledged) {
  {
    absl::MutexLock lock(&mutex_);
    const auto found = attached_.find(session);
    if (found == attached_.end()) return;
    credits_.records -= found->second.credits.records;
    credits_.bytes -= found->second.credits.bytes;
    attached_.erase(found);
    for (const int64_t seq : unacknowledged) window_.GiveBack(seq, absl::InfinitePast(), /*asked=*/false);
    if (attached_.empty()) {
      window_.Clear();
      ReadAgain();
    }
  }
  callbacks_.wake();
}

absl::Status PartnerQueue::Take(int64_t max_records, int64_t max_bytes, int64_t soft_bytes,
                                v1::ReceiveResponse* response, std::vector<int64_t>* positions) {
  bool ended = false;
  absl::Status trouble;
  {
    absl::MutexLock lock(&mutex_);
    int64_t bytes = 0;
    // The contract clock suspends the partner soon; nothing more goes until then.
    if (!InTerm()) max_records = 0;
    while (static_cast<int64_t>(positions->size()) < max_records && !window_.ready().empty()) {
      const int64_t seq = *window_.ready().begin();
      if (seq > mark_ || window_.in_flight() >= max_in_flight_) break;
      const WindowEntry& entry = *window_.Find(seq);
      const auto size = static_cast<int64_t>(entry.bytes->size());
      if (bytes + size > max_bytes || (!positions->empty() && bytes + size > soft_bytes)) break;
      if (const auto recalled = recalled_.find(seq); recalled != recalled_.end()) {
        const storage::PendingPayload payload = entry.payload;
        EndRecord(payload, v1::DISCLOSURE_STATE_WITHDRAWN, recalled->second);
        ended = true;
        continue;
      }
      // A key that was destroyed since the record was read ends the record, wherever its bytes are.
      const absl::Status keys = entry.shreds == parts_.keys->shreds() ? absl::OkStatus() : CheckKeys(entry.payload);
      if (disclosure::LostForGood(keys)) {
        const storage::PendingPayload payload = entry.payload;
        EndRecord(payload, v1::DISCLOSURE_STATE_WITHDRAWN, ReasonOf(keys));
        ended = true;
        continue;
      }
      trouble = keys;
      if (!trouble.ok()) break;
      const auto grant = parts_.grants->Get(entry.payload.grant);
      trouble = grant.status();
      if (!trouble.ok()) break;
      const bool redelivered = entry.redelivered || window_.attempts(seq) > 0;
      Fill(entry, **grant, redelivered, response->add_records());
      bytes += size;
      positions->push_back(seq);
      window_.HandOut(seq);
      ++counters_.delivered;
      if (redelivered) ++counters_.redelivered;
    }
  }
  if (ended) callbacks_.wake();
  return positions->empty() ? trouble : absl::OkStatus();
}

void PartnerQueue::Fill(const WindowEntry& entry, const storage::GrantRef& grant, bool redelivered,
                        v1::DeliveredRecord* record) const {
  record->set_disclosure(disclosure::DisclosureName(parts_.name, entry.payload.id));
  record->set_handle(entry.payload.handle.data(), entry.payload.handle.size());
  record->set_purpose(grant.purpose);
  record->mutable_record()->set_type(grant.record_type);
  record->mutable_record()->set_data(*entry.bytes);
  record->set_record_version(entry.payload.record_version);
  registry::SetTime(entry.payload.time, record->mutable_create_time());
  record->set_contract_revision(grant.contract_revision);
  record->set_policy_version(grant.policy_version);
  record->set_redelivered(redelivered);
}

void PartnerQueue::Acknowledge(const std::vector<int64_t>& positions) {
  absl::MutexLock lock(&mutex_);
  for (const int64_t seq : positions) {
    window_.Remove(seq);
    recalled_.erase(seq);
    if (!settling_.insert(seq).second) continue;
    ends_.acknowledged.push_back(seq);
    ++counters_.acknowledged;
  }
}

void PartnerQueue::Proceed() const {
  bool ended = false;
  bool may_go = false;
  {
    absl::MutexLock lock(&mutex_);
    ended = !ends_.acknowledged.empty() || !ends_.settlements.empty();
    may_go = more_ || window_.held_back() || !window_.ready().empty();
  }
  if (may_go) {
    callbacks_.wake();
  } else if (ended) {
    callbacks_.settle();
  }
}

void PartnerQueue::Retry(int64_t position) {
  const PartnerQueueOptions& options = parts_.options;
  Postpone(position, [&options](int failures) -> std::optional<absl::Duration> {
    if (failures >= options.max_retries) return std::nullopt;
    return std::min(options.longest_retry, options.first_retry * static_cast<int64_t>(1 << (failures - 1)));
  });
}

void PartnerQueue::Postpone(int64_t position, absl::FunctionRef<std::optional<absl::Duration>(int failures)> delay) {
  absl::MutexLock lock(&mutex_);
  if (!window_.InFlight(position)) return;
  const std::optional<absl::Duration> wait = delay(window_.retries(position) + 1);
  if (wait) {
    window_.GiveBack(position, parts_.clock() + *wait, /*asked=*/true);
  } else {
    DeadLetter(position, v1::ERROR_REASON_OUTCOME_UNKNOWN);
  }
}

void PartnerQueue::GiveBack(int64_t position) {
  absl::MutexLock lock(&mutex_);
  window_.GiveBack(position, absl::InfinitePast(), /*asked=*/false);
}

void PartnerQueue::Reject(int64_t position) {
  absl::MutexLock lock(&mutex_);
  if (window_.InFlight(position)) DeadLetter(position, v1::ERROR_REASON_PARTNER_FAILED);
}

void PartnerQueue::DeadLetter(int64_t position, v1::ErrorReason reason) {
  const storage::PendingPayload payload = window_.Find(position)->payload;
  // What was taken back must not be there to be replayed.
  if (const auto recalled = recalled_.find(position); recalled != recalled_.end()) {
    EndRecord(payload, v1::DISCLOSURE_STATE_WITHDRAWN, recalled->second);
    return;
  }
  EndRecord(payload, v1::DISCLOSURE_STATE_DEAD_LETTERED, reason);
  window_.Block(payload.record_key);
}

void PartnerQueue::EndRecord(const storage::PendingPayload& payload, v1::DisclosureState state,
                             v1::ErrorReason reason) {
  window_.Remove(payload.seq);
  recalled_.erase(payload.seq);
  if (!settling_.insert(payload.seq).second) return;
  ends_.settlements.push_back({payload.seq, state, disclosure::ReasonName(reason)});
  ended_ids_.push_back(payload.id);
}

}  // namespace postern::delivery
