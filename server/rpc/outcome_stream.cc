#include "server/rpc/outcome_stream.h"

#include <chrono>
#include <utility>

namespace postern::rpc {
namespace {

constexpr auto kHeartbeat = std::chrono::seconds(30);

absl::Status PoolFull() {
  return MakeError(v1::ERROR_REASON_OVERLOADED, "too many calls wait on this listener");
}

}  // namespace

OutcomeStream* OutcomeStream::Open(CallGate* gate, grpc::CallbackServerContext* context, delivery::OutcomeFeed* feed,
                                   const std::string& resume_token) {
  auto stream = std::make_shared<OutcomeStream>(gate, context);
  OutcomeStream* const out = stream.get();
  const identity::MethodRule* rule = identity::FindRule("postern.v1.StorefrontService.WatchOutcomes");
  if (!stream->Enter(rule)) return out;
  const bool taken = gate->pool()->Run([stream, gate, rule, feed, resume_token] {
    const absl::Status audited = gate->AuditRead(stream->principal(), *rule, "");
    if (!audited.ok()) return stream->End(audited);
    stream->Start(feed, resume_token);
  });
  if (!taken) stream->End(PoolFull());
  return out;
}

void OutcomeStream::Start(delivery::OutcomeFeed* feed, const std::string& resume_token) {
  const std::weak_ptr<OutcomeStream> weak = weak_from_this();
  auto watcher = feed->Watch(resume_token, [weak] {
    if (const auto stream = weak.lock()) stream->Wake(/*heartbeat=*/false);
  });
  if (!watcher.ok()) return End(watcher.status());
  {
    absl::MutexLock lock(&mutex_);
    watcher_ = *std::move(watcher);
  }
  Read();
}

void OutcomeStream::Wake(bool heartbeat) {
  absl::MutexLock lock(&mutex_);
  heartbeat_due_ = heartbeat_due_ || heartbeat;
  more_ = true;
  if (!busy_) ReadNext();
}

void OutcomeStream::ReadNext() {
  if (ended_) return;
  busy_ = true;
  more_ = false;
  if (!gate()->pool()->Run([stream = shared_from_this()] { stream->Read(); })) EndLocked(PoolFull());
}

void OutcomeStream::Read() {
  absl::StatusOr<v1::WatchOutcomesResponse> page = watcher_->Next();
  absl::MutexLock lock(&mutex_);
  if (ended_) return;
  if (!page.ok()) return EndLocked(page.status());
  if (page->outcomes().empty() && !heartbeat_due_) {
    busy_ = false;
    if (more_) ReadNext();
    return;
  }
  response_ = *std::move(page);
  heartbeat_due_ = false;
  write_pending_ = true;
  StartWrite(&response_);
  heartbeat_.reset();
}

void OutcomeStream::OnWriteDone(bool ok) {
  const auto self = shared_from_this();
  absl::MutexLock lock(&mutex_);
  write_pending_ = false;
  if (!ok) return EndLocked(absl::CancelledError("the client is gone"));
  if (ended_) return;
  const std::weak_ptr<OutcomeStream> weak = self;
  heartbeat_ = std::make_unique<grpc::Alarm>();
  heartbeat_->Set(std::chrono::system_clock::now() + kHeartbeat, [weak](bool fired) {
    const auto stream = fired ? weak.lock() : nullptr;
    if (stream != nullptr) stream->Wake(/*heartbeat=*/true);
  });
  ReadNext();
}

}  // namespace postern::rpc
