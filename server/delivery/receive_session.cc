#include "server/delivery/receive_session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/delivery/partner_queue.h"
#include "server/disclosure/errors.h"
#include "server/disclosure/limits.h"

namespace postern::delivery {
namespace {

namespace errors = disclosure::errors;
namespace limits = disclosure::limits;

// Of the memory that a response's messages take: one record's, and a full response's.
constexpr size_t kFirstBlock = 1 << 10;
constexpr size_t kLargestBlock = 64 << 10;

absl::Status DeliveryUnknown(uint64_t delivery) {
  return MakeError(v1::ERROR_REASON_DELIVERY_UNKNOWN, "this stream has no such unacknowledged delivery",
                   {{"delivery", absl::StrCat(delivery)}});
}

}  // namespace

ReceiveSession::ReceiveSession(std::shared_ptr<PartnerQueue> queue, identity::Principal principal, uint64_t generation,
                               ReceiveCallbacks callbacks, std::function<absl::Time()> clock)
    : queue_(std::move(queue)),
      principal_(std::move(principal)),
      generation_(generation),
      callbacks_(std::move(callbacks)),
      clock_(std::move(clock)) {}

ReceiveSession::~ReceiveSession() {
  End();
}

absl::Status ReceiveSession::OnRequest(const v1::ReceiveRequest& request) {
  absl::Status status;
  {
    absl::MutexLock lock(&mutex_);
    POSTERN_RETURN_IF_ERROR(ended_);
    POSTERN_RETURN_IF_ERROR(TakeCredits(request));
    // What comes before a mistake in the same message counts: it is stored at the partner, whatever follows.
    std::vector<int64_t> acknowledged;
    status = TakeAcknowledged(request, &acknowledged);
    queue_->Acknowledge(acknowledged);
    if (status.ok()) status = TakeRejected(request);
  }
  // Acknowledgements are to be settled, and credits to be reserved for.
  queue_->Proceed();
  return status;
}

absl::Status ReceiveSession::TakeAcknowledged(const v1::ReceiveRequest& request, std::vector<int64_t>* positions) {
  for (const v1::DeliveryRange& range : request.acknowledged()) {
    POSTERN_RETURN_IF_ERROR(CheckDeliveries(range.first(), range.last()));
    for (uint64_t delivery = range.first(); delivery <= range.last(); ++delivery) {
      positions->push_back(TakeDelivery(delivery));
    }
  }
  return absl::OkStatus();
}

absl::Status ReceiveSession::TakeRejected(const v1::ReceiveRequest& request) {
  for (const v1::DeliveryRejection& rejection : request.rejected()) {
    POSTERN_RETURN_IF_ERROR(CheckDeliveries(rejection.delivery(), rejection.delivery()));
    switch (rejection.action()) {
      case v1::DeliveryRejection::ACTION_RETRY:
        queue_->Retry(TakeDelivery(rejection.delivery()));
        break;
      case v1::DeliveryRejection::ACTION_REJECT:
        queue_->Reject(TakeDelivery(rejection.delivery()));
        break;
      default:
        return errors::InvalidField("rejected.action", "is missing or unknown");
    }
  }
  return absl::OkStatus();
}

absl::Status ReceiveSession::TakeCredits(const v1::ReceiveRequest& request) {
  if (request.add_records() < 0) return errors::InvalidField("add_records", "must not be negative");
  if (request.add_bytes() < 0) return errors::InvalidField("add_bytes", "must not be negative");
  if (!credited_ && (request.add_records() == 0 || request.add_bytes() == 0)) {
    return errors::InvalidField("add_records", "and add_bytes must be given in the first message");
  }
  credited_ = true;
  credit_records_ = std::min(limits::kMaxCreditRecords, credit_records_ + request.add_records());
  credit_bytes_ =
      std::min(limits::kMaxCreditBytes, credit_bytes_ + std::min(request.add_bytes(), limits::kMaxCreditBytes));
  TellCredits();
  return absl::OkStatus();
}

void ReceiveSession::TellCredits() {
  const bool some = credit_records_ > 0 && credit_bytes_ > 0;
  queue_->SetCredits(this, some ? PartnerQueue::Credits{credit_records_, credit_bytes_} : PartnerQueue::Credits{});
}

absl::Status ReceiveSession::CheckDeliveries(uint64_t first, uint64_t last) const {
  if (last < first) return errors::InvalidField("acknowledged.last", "must not be less than first");
  const uint64_t end = first_delivery_ + deliveries_.size();
  if (first < first_delivery_) return DeliveryUnknown(first);
  if (last >= end) return DeliveryUnknown(std::max(first, end));
  for (uint64_t delivery = first; delivery <= last; ++delivery) {
    if (deliveries_[delivery - first_delivery_] == 0) return DeliveryUnknown(delivery);
  }
  return absl::OkStatus();
}

int64_t ReceiveSession::TakeDelivery(uint64_t delivery) {
  const int64_t position = std::exchange(deliveries_[delivery - first_delivery_], 0);
  while (!deliveries_.empty() && deliveries_.front() == 0) {
    deliveries_.pop_front();
    ++first_delivery_;
  }
  return position;
}

absl::Status ReceiveSession::Postpone(uint64_t delivery,
                                      absl::FunctionRef<std::optional<absl::Duration>(int failures)> delay) {
  {
    absl::MutexLock lock(&mutex_);
    POSTERN_RETURN_IF_ERROR(ended_);
    POSTERN_RETURN_IF_ERROR(CheckDeliveries(delivery, delivery));
    queue_->Postpone(TakeDelivery(delivery), delay);
  }
  queue_->Proceed();
  return absl::OkStatus();
}

absl::Status ReceiveSession::GiveBack(uint64_t delivery) {
  absl::MutexLock lock(&mutex_);
  POSTERN_RETURN_IF_ERROR(ended_);
  POSTERN_RETURN_IF_ERROR(CheckDeliveries(delivery, delivery));
  queue_->GiveBack(TakeDelivery(delivery));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<ReceiveSession::Batch>> ReceiveSession::Next() {
  return Next(limits::kMaxResponseRecords);
}

absl::StatusOr<std::optional<ReceiveSession::Batch>> ReceiveSession::Next(int max_records) {
  if (Expired()) Close(errors::CredentialExpired());
  Batch batch;
  {
    absl::MutexLock lock(&mutex_);
    POSTERN_RETURN_IF_ERROR(ended_);
    if (credit_records_ == 0 || credit_bytes_ == 0) return std::nullopt;
    // Nothing is marked as handed over unless the fence is held, and it is held until the write has started.
    // model: handover
    batch.pass = queue_->fence()->Enter(generation_);
    if (batch.pass) {
      std::vector<int64_t> positions;
      google::protobuf::ArenaOptions arena;
      arena.start_block_size = kFirstBlock;
      arena.max_block_size = kLargestBlock;
      batch.arena = std::make_unique<google::protobuf::Arena>(arena);
      batch.response = google::protobuf::Arena::CreateMessage<v1::ReceiveResponse>(batch.arena.get());
      POSTERN_RETURN_IF_ERROR(queue_->Take(std::min<int64_t>(max_records, credit_records_), credit_bytes_,
                                           limits::kMaxResponseBytes, batch.response, &positions));
      if (positions.empty()) return std::nullopt;
      for (size_t i = 0; i < positions.size(); ++i) {
        v1::DeliveredRecord& record = *batch.response->mutable_records(static_cast<int>(i));
        record.set_delivery(first_delivery_ + deliveries_.size());
        deliveries_.push_back(positions[i]);
        credit_bytes_ -= static_cast<int64_t>(record.record().data().size());
      }
      credit_records_ -= static_cast<int64_t>(positions.size());
      TellCredits();
      return std::make_optional(std::move(batch));
    }
  }
  // The partner was stopped, and perhaps is served again already: on new streams only.
  Close(errors::Fenced());
  absl::MutexLock lock(&mutex_);
  return ended_;
}

void ReceiveSession::End() {
  Close(absl::CancelledError("the stream has ended"));
}

bool ReceiveSession::Close(const absl::Status& status) {
  std::vector<int64_t> unacknowledged;
  {
    absl::MutexLock lock(&mutex_);
    if (!ended_.ok()) return false;
    ended_ = status;
    for (const int64_t position : deliveries_) {
      if (position != 0) unacknowledged.push_back(position);
    }
    deliveries_.clear();
  }
  queue_->Detach(this, unacknowledged);
  return true;
}

void ReceiveSession::EndWith(const absl::Status& status) {
  if (Close(status)) callbacks_.on_end(status);
}

bool ReceiveSession::WantsRecords() const {
  absl::MutexLock lock(&mutex_);
  return ended_.ok() && credit_records_ > 0 && credit_bytes_ > 0;
}

}  // namespace postern::delivery
