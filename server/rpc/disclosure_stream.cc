#include "server/rpc/disclosure_stream.h"

#include <chrono>
#include <utility>

#include "server/rpc/disclosure_metrics.h"

namespace postern::rpc {
namespace {

// Answers in one response; a full batch fits.
constexpr int kMaxAnswers = 512;
// How long a full commit queue is given before the same batch is offered again. Nothing is read meanwhile.
constexpr auto kRetry = std::chrono::milliseconds(2);

}  // namespace

DisclosureStream* DisclosureStream::Open(CallGate* gate, grpc::CallbackServerContext* context,
                                         disclosure::Discloser* discloser, int max_in_flight) {
  auto stream = std::make_shared<DisclosureStream>(gate, context, discloser, max_in_flight);
  DisclosureStream* const out = stream.get();
  if (stream->Enter(identity::FindRule("postern.v1.StorefrontService.StreamDisclosures"))) {
    absl::MutexLock lock(&stream->mutex_);
    stream->Advance();
  }
  return out;
}

DisclosureStream::DisclosureStream(CallGate* gate, grpc::CallbackServerContext* context,
                                   disclosure::Discloser* discloser, int max_in_flight)
    : StreamBase(gate, context, StreamKind::kDisclosures), discloser_(discloser), max_in_flight_(max_in_flight) {}

void DisclosureStream::OnReadDone(bool ok) {
  const auto self = shared_from_this();
  {
    absl::MutexLock lock(&mutex_);
    reading_ = false;
    holding_ = ok;
    no_more_ = !ok;
    if (!ok) return Advance();
  }
  Submit();
}

void DisclosureStream::Submit() {
  const auto self = shared_from_this();
  Batch* batch = nullptr;
  {
    absl::MutexLock lock(&mutex_);
    if (ended_) return;
    batches_.push_back(std::make_unique<Batch>());
    batch = batches_.back().get();
    batch->size = request_.requests_size();
    in_flight_ += batch->size;
  }
  discloser_->CreateBatch(
      principal(), request_.requests(),
      [self, batch](absl::StatusOr<disclosure::BatchAnswers> answers) { self->OnAnswers(batch, std::move(answers)); });
  absl::MutexLock lock(&mutex_);
  if (ended_) return;
  if (std::exchange(refused_, false)) {
    in_flight_ -= batches_.back()->size;
    batches_.pop_back();
    const std::weak_ptr<DisclosureStream> weak = self;
    retry_ = std::make_unique<grpc::Alarm>();
    retry_->Set(std::chrono::system_clock::now() + kRetry, [weak](bool) {
      if (const auto stream = weak.lock()) stream->Submit();
    });
    return;
  }
  holding_ = false;
  Advance();
}

void DisclosureStream::OnAnswers(Batch* batch, absl::StatusOr<disclosure::BatchAnswers> answers) {
  absl::MutexLock lock(&mutex_);
  if (ended_) return;
  if (!answers.ok()) {
    // A full queue is told from inside CreateBatch, when this batch is the last one: back pressure, not an error.
    if (holding_ && batches_.back().get() == batch && ReasonOf(answers.status()) == v1::ERROR_REASON_OVERLOADED) {
      refused_ = true;
      return;
    }
    return EndLocked(answers.status());
  }
  batch->answered = true;
  batch->answers = *std::move(answers);
  Advance();
}

void DisclosureStream::OnWriteDone(bool ok) {
  const auto self = shared_from_this();
  absl::MutexLock lock(&mutex_);
  write_pending_ = false;
  writing_.clear();
  if (ok) return Advance();
  EndLocked(absl::CancelledError("the client is gone"));
}

void DisclosureStream::Advance() {
  if (ended_) return;
  WriteAnswered();
  const bool stopping = no_more_ || draining_;
  if (!stopping && !reading_ && !holding_ && in_flight_ < max_in_flight_) {
    reading_ = true;
    StartRead(&request_);
  }
  if (!stopping || holding_ || write_pending_ || !batches_.empty()) return;
  EndLocked(draining_ ? MakeError(v1::ERROR_REASON_DRAINING, "the gateway is shutting down") : absl::OkStatus());
}

void DisclosureStream::WriteAnswered() {
  if (write_pending_ || batches_.empty() || !batches_.front()->answered) return;
  google::protobuf::Arena* const arena = batches_.front()->answers.arena.get();
  auto* const response = google::protobuf::Arena::CreateMessage<v1::StreamDisclosuresResponse>(arena);
  while (!batches_.empty() && batches_.front()->answered) {
    Batch& batch = *batches_.front();
    if (response->answers_size() > 0 && response->answers_size() + batch.size > kMaxAnswers) break;
    for (v1::DisclosureAnswer* answer : batch.answers.answers) {
      Observe(gate()->observer(), *answer);
      response->mutable_answers()->UnsafeArenaAddAllocated(answer);  // they all live until the write is done
    }
    writing_.push_back(std::move(batch.answers.arena));
    in_flight_ -= batch.size;
    batches_.pop_front();
  }
  write_pending_ = true;
  StartWrite(response);
}

void DisclosureStream::OnDrain() {
  absl::MutexLock lock(&mutex_);
  draining_ = true;
  Advance();
}

}  // namespace postern::rpc
