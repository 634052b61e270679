#include "server/delivery/outbound_channel.h"

#include <algorithm>
#include <vector>

#include "proto/errors/error.h"
#include "server/crypto/random.h"
#include "server/delivery/cancel_slot.h"
#include "server/delivery/retry_schedule.h"
#include "server/disclosure/limits.h"
#include "server/registry/times.h"

namespace postern::delivery {
namespace {

namespace limits = disclosure::limits;

// Calls under way to one endpoint while all is well; one after a failure, until it succeeds.
constexpr int kMaxCalls = 4;
// A partner may ask for this much rest.
constexpr absl::Duration kLongestRest = absl::Hours(1);
constexpr size_t kChallengeBytes = 32;

absl::Duration Rest(absl::Duration asked) {
  return std::clamp(asked, absl::ZeroDuration(), kLongestRest);
}

}  // namespace

class OutboundChannel::CallSlot : public CancelSlot<OutboundTransport::Call> {};

OutboundChannel::OutboundChannel(Parts parts, OutboundTarget target, uint64_t generation, bool proven)
    : parts_(std::move(parts)),
      target_(std::move(target)),
      generation_(generation),
      batch_records_(std::min(parts_.transport->max_records(), limits::kMaxResponseRecords)),
      proven_(proven) {}

OutboundChannel::~OutboundChannel() = default;

absl::Status OutboundChannel::Open() {
  ReceiveCallbacks callbacks;
  const std::weak_ptr<OutboundChannel> weak = weak_from_this();
  callbacks.on_ready = [weak] {
    if (const auto channel = weak.lock()) channel->Pump();
  };
  callbacks.on_end = [weak](const absl::Status&) {
    if (const auto channel = weak.lock()) channel->CloseAs(Standing::kClosed);
  };
  POSTERN_ASSIGN_OR_RETURN(std::shared_ptr<ReceiveSession> session,
                           parts_.hub->OpenChannel(*target_.partner, std::move(callbacks)));
  {
    absl::MutexLock lock(&mutex_);
    if (standing_ != Standing::kOpen) return absl::OkStatus();
    session_ = std::move(session);
    // Room for the largest record in every call.
    if (proven_) GiveCredits();
  }
  Pump();
  return absl::OkStatus();
}

void OutboundChannel::GiveCredits() {
  v1::ReceiveRequest credits;
  credits.set_add_records(kMaxCalls * batch_records_);
  credits.set_add_bytes(kMaxCalls * static_cast<int64_t>(limits::kMaxRecordBytes));
  session_->OnRequest(credits).IgnoreError();  // an ended session says so again at its next use
}

OutboundChannel::Standing OutboundChannel::standing() const {
  absl::MutexLock lock(&mutex_);
  return finishing_ && standing_ == Standing::kOpen ? Standing::kClosed : standing_;
}

OutboundChannel::Health OutboundChannel::health() const {
  absl::MutexLock lock(&mutex_);
  return {proven_, failures_};
}

void OutboundChannel::SetProven() {
  {
    absl::MutexLock lock(&mutex_);
    if (standing_ != Standing::kAnswered || session_ == nullptr) return;
    standing_ = Standing::kOpen;
    proven_ = true;
    GiveCredits();
  }
  Pump();
}

void OutboundChannel::Tick() {
  Pump();
}

absl::Time OutboundChannel::Deadline() const {
  const int timeout_ms =
      target_.terms.has_push() ? target_.terms.push().timeout_ms() : target_.terms.webhook().timeout_ms();
  return parts_.clock() + absl::Milliseconds(timeout_ms);
}

int OutboundChannel::max_calls() const {
  return proven_ && failures_ == 0 ? kMaxCalls : 1;
}

void OutboundChannel::Pump() {
  {
    absl::MutexLock lock(&mutex_);
    if (session_ == nullptr || finishing_ || connecting_ || standing_ != Standing::kOpen) return;
    // A revocation is under way, which counts the session and ends it.
    if (!target_.partner->fence->open()) return;
    if (calls_ >= max_calls() || parts_.clock() < paused_until_) return;
    connecting_ = true;
  }
  const auto self = shared_from_this();
  parts_.transport->Connect(
      target_, [self] { return self->Enter(); }, Deadline(),
      [self](absl::StatusOr<std::shared_ptr<OutboundTransport::Line>> line) { self->OnLine(std::move(line)); });
}

void OutboundChannel::OnLine(absl::StatusOr<std::shared_ptr<OutboundTransport::Line>> line) {
  absl::MutexLock lock(&mutex_);
  connecting_ = false;
  if (session_ == nullptr || finishing_) return;
  if (!line.ok()) {
    if (ReasonOf(line.status()) != v1::ERROR_REASON_FENCED) return Pause(absl::ZeroDuration());
    // Closed: the revocation ends the session. Open again: the channel's generation is over.
    if (target_.partner->fence->open()) End(Standing::kClosed);
    return;
  }
  if (!proven_) return StartProof(**line);
  while (calls_ < max_calls() && StartDelivery(**line)) {
  }
}

bool OutboundChannel::StartDelivery(OutboundTransport::Line& line) {
  absl::StatusOr<std::optional<ReceiveSession::Batch>> next = session_->Next(failures_ > 0 ? 1 : batch_records_);
  if (!next.ok()) {
    End(Standing::kClosed);
    return false;
  }
  if (!next->has_value()) return false;
  v1::DeliverRequest request;
  request.set_partner(target_.partner->resource.name());
  request.mutable_records()->Swap((*next)->response->mutable_records());
  Batch batch;
  batch.first = request.records(0).delivery();
  batch.last = request.records(request.records_size() - 1).delivery();
  for (const v1::DeliveredRecord& record : request.records()) {
    batch.bytes += static_cast<int64_t>(record.record().data().size());
  }
  ++calls_;
  const auto slot = std::make_shared<CallSlot>();
  const InFlightCalls::Token token = parts_.hub->calls()->Add(target_.partner->id, [slot] { slot->Cancel(); });
  slot->Set(line.Deliver(request, Deadline(), [self = shared_from_this(), batch, token](const OutboundResult& result) {
    self->OnDelivered(batch, token, result);
  }));
  (*next)->pass.Release();
  return true;
}

void OutboundChannel::OnDelivered(const Batch& batch, InFlightCalls::Token token, const OutboundResult& result) {
  {
    absl::MutexLock lock(&mutex_);
    // Without a session what was acknowledged is delivered again, or is what the partner possibly holds.
    if (session_ != nullptr) Book(batch, result);
    --calls_;
  }
  parts_.hub->calls()->Remove(token);
  Pump();
}

void OutboundChannel::Book(const Batch& batch, const OutboundResult& result) {
  switch (result.fate) {
    case OutboundResult::Fate::kAnswered:
      if (Settle(batch, result.delivered)) {
        failures_ = 0;
        paused_until_ = parts_.clock() + Rest(result.retry_after);
        return;
      }
      break;
    case OutboundResult::Fate::kNotSent:
      for (uint64_t delivery = batch.first; delivery <= batch.last; ++delivery) {
        session_->GiveBack(delivery).IgnoreError();
      }
      Replenish(batch);
      return Pause(Rest(result.retry_after));
    case OutboundResult::Fate::kGone:
      return End(Standing::kGone);
    case OutboundResult::Fate::kFailed:
      // Cancelled by a revocation, which ends the session and takes everything back: no fault of the partner's.
      if (!Enter()) return;
      break;
  }
  for (uint64_t delivery = batch.first; delivery <= batch.last; ++delivery) {
    Postpone(delivery, Rest(result.retry_after));
  }
  Replenish(batch);
  Pause(Rest(result.retry_after));
}

bool OutboundChannel::Settle(const Batch& batch, const v1::DeliverResponse& response) {
  enum class Answer : uint8_t { kNone, kAcknowledged, kRetry, kReject };
  std::vector<Answer> answers(static_cast<size_t>(batch.records()), Answer::kNone);
  const auto set = [&](uint64_t delivery, Answer answer) {
    if (delivery < batch.first || delivery > batch.last) return false;
    return std::exchange(answers[delivery - batch.first], answer) == Answer::kNone;
  };
  for (const v1::DeliveryRange& range : response.acknowledged()) {
    if (range.first() > range.last() || range.last() > batch.last) return false;
    for (uint64_t delivery = range.first(); delivery <= range.last(); ++delivery) {
      if (!set(delivery, Answer::kAcknowledged)) return false;
    }
  }
  for (const v1::DeliveryRejection& rejection : response.rejected()) {
    const bool reject = rejection.action() == v1::DeliveryRejection::ACTION_REJECT;
    if (!reject && rejection.action() != v1::DeliveryRejection::ACTION_RETRY) return false;
    if (!set(rejection.delivery(), reject ? Answer::kReject : Answer::kRetry)) return false;
  }
  v1::ReceiveRequest settled;
  *settled.mutable_acknowledged() = response.acknowledged();
  for (uint64_t delivery = batch.first; delivery <= batch.last; ++delivery) {
    const Answer answer = answers[delivery - batch.first];
    if (answer == Answer::kReject) {
      v1::DeliveryRejection& rejection = *settled.add_rejected();
      rejection.set_delivery(delivery);
      rejection.set_action(v1::DeliveryRejection::ACTION_REJECT);
    } else if (answer != Answer::kAcknowledged) {
      Postpone(delivery, absl::ZeroDuration());
    }
  }
  settled.set_add_records(static_cast<int32_t>(batch.records()));
  settled.set_add_bytes(batch.bytes);
  session_->OnRequest(settled).IgnoreError();
  return true;
}

void OutboundChannel::Postpone(uint64_t delivery, absl::Duration at_least) {
  const double random = absl::Uniform(random_, 0.0, 1.0);
  const auto delay = [random, at_least](int failures) -> std::optional<absl::Duration> {
    const std::optional<absl::Duration> scheduled = RetryDelay(failures, random);
    if (!scheduled) return std::nullopt;
    return std::max(*scheduled, at_least);
  };
  session_->Postpone(delivery, delay).IgnoreError();
}

void OutboundChannel::Replenish(const Batch& batch) {
  v1::ReceiveRequest credits;
  credits.set_add_records(static_cast<int32_t>(batch.records()));
  credits.set_add_bytes(batch.bytes);
  session_->OnRequest(credits).IgnoreError();
}

void OutboundChannel::Pause(absl::Duration at_least) {
  ++failures_;
  const absl::Duration pause = EndpointPause(failures_, absl::Uniform(random_, 0.0, 1.0));
  paused_until_ = parts_.clock() + std::max(pause, at_least);
}

void OutboundChannel::StartProof(OutboundTransport::Line& line) {
  std::string challenge(kChallengeBytes, '\0');
  if (!crypto::FillRandom(reinterpret_cast<uint8_t*>(challenge.data()), challenge.size()).ok()) {
    return Pause(absl::ZeroDuration());
  }
  registry::PartnerFence::Pass pass = Enter();
  if (!pass) return End(Standing::kClosed);
  v1::ConfirmEndpointRequest request;
  request.set_partner(target_.partner->resource.name());
  request.set_endpoint(target_.endpoint.id());
  request.set_challenge(challenge);
  ++calls_;
  const auto slot = std::make_shared<CallSlot>();
  const InFlightCalls::Token token = parts_.hub->calls()->Add(target_.partner->id, [slot] { slot->Cancel(); });
  slot->Set(
      line.Confirm(request, Deadline(), [self = shared_from_this(), challenge, token](const OutboundResult& result) {
        self->OnConfirmed(challenge, token, result);
      }));
}

void OutboundChannel::OnConfirmed(const std::string& challenge, InFlightCalls::Token token,
                                  const OutboundResult& result) {
  parts_.hub->calls()->Remove(token);
  absl::MutexLock lock(&mutex_);
  --calls_;
  if (session_ == nullptr) return;
  const bool answered = result.fate == OutboundResult::Fate::kAnswered;
  if (answered && result.confirmed.partner() == target_.partner->resource.name() &&
      result.confirmed.challenge() == challenge) {
    failures_ = 0;
    standing_ = Standing::kAnswered;
    return parts_.notify();
  }
  if (result.fate == OutboundResult::Fate::kGone) return End(Standing::kGone);
  Pause(Rest(result.retry_after));
}

void OutboundChannel::End(Standing standing) {
  session_.reset();
  standing_ = standing;
  parts_.notify();
}

void OutboundChannel::CloseAs(Standing standing) {
  absl::MutexLock lock(&mutex_);
  if (session_ != nullptr || standing_ == Standing::kOpen) End(standing);
}

void OutboundChannel::Finish() {
  absl::MutexLock lock(&mutex_);
  finishing_ = true;
}

void OutboundChannel::Close() {
  CloseAs(Standing::kClosed);
}

bool OutboundChannel::AwaitIdle(absl::Duration timeout) const {
  absl::MutexLock lock(&mutex_);
  const auto idle = [this] {
    mutex_.AssertReaderHeld();
    return calls_ == 0;
  };
  return mutex_.AwaitWithTimeout(absl::Condition(&idle), timeout);
}

}  // namespace postern::delivery
