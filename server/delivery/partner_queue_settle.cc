// The settling side of a partner's queue, and what the hub does to it as a whole.
#include <algorithm>
#include <utility>

#include "proto/errors/error.h"
#include "server/delivery/partner_queue.h"
#include "server/disclosure/audit_entry.h"
#include "server/disclosure/names.h"
#include "server/disclosure/sealed_payload.h"

namespace postern::delivery {
namespace {

v1::ErrorReason ParseReason(const std::string& name) {
  v1::ErrorReason reason = v1::ERROR_REASON_UNSPECIFIED;
  return v1::ErrorReason_Parse(name, &reason) ? reason : v1::ERROR_REASON_UNSPECIFIED;
}

bool MayWait(v1::DisclosureState state) {
  return state == v1::DISCLOSURE_STATE_PENDING || state == v1::DISCLOSURE_STATE_POSSIBLY_HELD;
}

}  // namespace

absl::StatusOr<std::optional<storage::SettleBatch>> PartnerQueue::TakeSettleBatch() {
  absl::MutexLock lock(&mutex_);
  const int64_t watermark = window_.Watermark();
  if (ends_.acknowledged.empty() && ends_.settlements.empty()) return std::nullopt;
  const absl::Time now = parts_.clock();
  // Acknowledgements are the ledger's ordinary end; every other end is an audit entry of its own.
  std::vector<std::string> leaves;
  for (size_t i = 0; i < ends_.settlements.size(); ++i) {
    const storage::Settlement& end = ends_.settlements[i];
    POSTERN_ASSIGN_OR_RETURN(
        std::string leaf, disclosure::SettlementLeaf(now, disclosure::kGatewayPrincipal,
                                                     disclosure::DisclosureName(parts_.name, ended_ids_[i]), end.state,
                                                     ParseReason(end.reason)));
    leaves.push_back(std::move(leaf));
  }
  storage::SettleBatch batch;
  batch.span.partner = parts_.id;
  std::swap(batch, ends_);
  taken_ids_ = std::move(ended_ids_);
  ended_ids_.clear();
  batch.time = now;
  std::sort(batch.acknowledged.begin(), batch.acknowledged.end());
  batch.audit_leaves = std::move(leaves);
  batch.watermark = watermark > durable_watermark_ ? watermark : 0;
  return std::make_optional(std::move(batch));
}

void PartnerQueue::Settled(const storage::SettleBatch& batch) {
  absl::MutexLock lock(&mutex_);
  for (const int64_t seq : batch.acknowledged) settling_.erase(seq);
  for (const storage::Settlement& end : batch.settlements) settling_.erase(end.seq);
  durable_watermark_ = std::max(durable_watermark_, batch.watermark);
  taken_ids_.clear();
  // A page that was read before this became durable may hold what has ended: it is thrown away.
  if (loading_) ++clears_;
}

void PartnerQueue::SettleFailed(storage::SettleBatch batch) {
  absl::MutexLock lock(&mutex_);
  batch.acknowledged.insert(batch.acknowledged.end(), ends_.acknowledged.begin(), ends_.acknowledged.end());
  batch.settlements.insert(batch.settlements.end(), ends_.settlements.begin(), ends_.settlements.end());
  batch.audit_leaves.clear();
  batch.watermark = 0;
  taken_ids_.insert(taken_ids_.end(), ended_ids_.begin(), ended_ids_.end());
  ended_ids_ = std::move(taken_ids_);
  taken_ids_.clear();
  ends_ = std::move(batch);
}

int64_t PartnerQueue::Unsettled() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int64_t>(ends_.acknowledged.size() + ends_.settlements.size());
}

void PartnerQueue::SetTerms(int max_unacknowledged, absl::Time serves_until) {
  absl::MutexLock lock(&mutex_);
  max_in_flight_ = std::max(1, max_unacknowledged);
  serves_until_ = serves_until;
}

int PartnerQueue::live_streams() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int>(attached_.size());
}

void PartnerQueue::Reload() {
  {
    absl::MutexLock lock(&mutex_);
    window_.DropIdle();
    ReadAgain();
  }
  callbacks_.wake();
}

void PartnerQueue::ReadAgain() {
  more_ = true;
  missed_ = true;
  ++clears_;
}

int64_t PartnerQueue::Expire(const std::vector<storage::PendingPayload>& overdue) {
  int64_t ended = 0;
  for (const storage::PendingPayload& payload : overdue) {
    // One at a time, so that the partner's other records go on.
    absl::MutexLock lock(&mutex_);
    if (window_.InFlight(payload.seq) || EndedMeanwhile(payload)) continue;
    // What may have been handed over stays something that the partner may hold.
    const bool possibly_held = payload.seq <= mark_;
    EndRecord(payload, possibly_held ? v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN : v1::DISCLOSURE_STATE_UNDELIVERED,
              possibly_held ? v1::ERROR_REASON_OUTCOME_UNKNOWN : v1::ERROR_REASON_PARTNER_UNREACHABLE);
    ++ended;
  }
  return ended;
}

// Whether a record has ended since the caller read it from the ledger: delivered, it neither expired nor was withdrawn.
// Read under the lock, without which Settled cannot forget it in between. If it cannot be read, it has not, and the
// ledger has the last word.
bool PartnerQueue::EndedMeanwhile(const storage::PendingPayload& payload) const {
  if (settling_.contains(payload.seq)) return true;
  const absl::StatusOr<storage::DisclosureRow> row = parts_.store->ReadDisclosure(payload.id);
  return row.ok() && !MayWait(row->state);
}

int64_t PartnerQueue::Recall(const std::vector<storage::PendingPayload>& recalled, v1::ErrorReason reason) {
  int64_t ended = 0;
  for (const storage::PendingPayload& payload : recalled) {
    // One at a time, so that the partner's other records go on.
    absl::MutexLock lock(&mutex_);
    if (settling_.contains(payload.seq)) continue;
    if (window_.InFlight(payload.seq)) {
      recalled_[payload.seq] = reason;
      continue;
    }
    if (EndedMeanwhile(payload)) continue;
    EndRecord(payload, v1::DISCLOSURE_STATE_WITHDRAWN, reason);
    ++ended;
  }
  return ended;
}

absl::Status PartnerQueue::EndDeadLetter(const storage::Mac16& key,
                                         absl::FunctionRef<absl::StatusOr<int64_t>()> commit) {
  {
    absl::MutexLock lock(&mutex_);
    ++replaying_;
    more_ = true;
  }
  const absl::StatusOr<int64_t> replayed = commit();
  {
    absl::MutexLock lock(&mutex_);
    --replaying_;
    if (replayed.ok() && *replayed > 0) window_.LetPass(key, *replayed);
    if (replayed.ok() && *replayed == 0) window_.Unblock(key);
    // Whether or not the replay is among what was read already: what is read from here on is complete.
    window_.DropIdle();
    ReadAgain();
  }
  callbacks_.wake();
  return replayed.status();
}

PartnerQueue::Counters PartnerQueue::counters() const {
  absl::MutexLock lock(&mutex_);
  Counters counters = counters_;
  counters.in_flight = window_.in_flight();
  counters.window_records = window_.records();
  counters.window_bytes = window_.bytes();
  return counters;
}

absl::StatusOr<std::string> PartnerQueue::Unseal(const storage::PendingPayload& payload) const {
  POSTERN_ASSIGN_OR_RETURN(const disclosure::PayloadKeys keys,
                           disclosure::FindPayloadKeys(*parts_.keys, payload.key_ids));
  POSTERN_ASSIGN_OR_RETURN(const std::shared_ptr<const storage::GrantRef> grant, parts_.grants->Get(payload.grant));
  return disclosure::OpenForPartner(keys, payload.id, parts_.name, grant->purpose, grant->record_type,
                                    payload.sealed_payload);
}

absl::Status PartnerQueue::CheckKeys(const storage::PendingPayload& payload) const {
  return disclosure::FindPayloadKeys(*parts_.keys, payload.key_ids).status();
}

}  // namespace postern::delivery
