#include "tests/unit/server/delivery/fake_server.h"

#include <utility>

#include "absl/time/clock.h"
#include "proto/errors/error.h"
#include "server/disclosure/errors.h"

namespace postern::delivery {

// Ends once: by its answer or by Cancel.
class FakeServer::FakeCall : public Call, public std::enable_shared_from_this<FakeCall> {
 public:
  FakeCall(FakeServer* server, Done done) : server_(server), done_(std::move(done)) {}

  void End(OutboundResult result) {
    Done done;
    {
      absl::MutexLock lock(&mutex_);
      done.swap(done_);
    }
    if (done == nullptr) return;
    done(std::move(result));
    absl::MutexLock lock(&server_->mutex_);
    --server_->open_calls_;
  }
  void Cancel() override {
    server_->Later([self = shared_from_this()] { self->End(Ended(OutboundResult::Fate::kFailed)); });
  }

 private:
  FakeServer* const server_;
  absl::Mutex mutex_;
  Done done_ ABSL_GUARDED_BY(mutex_);
};

class FakeServer::FakeLine : public Line {
 public:
  explicit FakeLine(FakeServer* server) : server_(server) {}

  std::shared_ptr<Call> Confirm(const v1::ConfirmEndpointRequest& request, absl::Time, Done done) override {
    auto call = std::make_shared<FakeCall>(server_, std::move(done));
    OutboundResult result;
    {
      absl::MutexLock lock(&server_->mutex_);
      ++server_->challenges_;
      ++server_->open_calls_;
      result.fate = server_->confirm_fate_;
      result.confirmed.set_partner(request.partner());
      result.confirmed.set_challenge(server_->confirms_ ? request.challenge() : "something else");
    }
    server_->Later([call, result] { call->End(result); });
    return call;
  }

  std::shared_ptr<Call> Deliver(const v1::DeliverRequest& request, absl::Time, Done done) override {
    auto call = std::make_shared<FakeCall>(server_, std::move(done));
    Answer answer;
    {
      absl::MutexLock lock(&server_->mutex_);
      server_->deliveries_.push_back(request);
      ++server_->open_calls_;
      if (server_->hang_) return call;
      answer = server_->answer_;
    }
    server_->Later([call, answer, request] { call->End(answer ? answer(request) : Acknowledged(request)); });
    return call;
  }

 private:
  FakeServer* const server_;
};

FakeServer::~FakeServer() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  worker_.join();
}

void FakeServer::Connect(const OutboundTarget& target, Enter enter, absl::Time, Connected connected) {
  bool reachable = false;
  {
    absl::MutexLock lock(&mutex_);
    ++connects_;
    reachable = reachable_;
  }
  if (target.endpoint.id() != "orders") return connected(absl::InternalError("another endpoint"));
  if (!enter()) return connected(disclosure::errors::Fenced());
  if (!reachable) return connected(MakeError(v1::ERROR_REASON_PARTNER_UNREACHABLE, "no"));
  connected(std::make_shared<FakeLine>(this));
}

void FakeServer::Forget(const std::string& partner) {
  absl::MutexLock lock(&mutex_);
  forgotten_.push_back(partner);
}

void FakeServer::OnDeliver(Answer answer) {
  absl::MutexLock lock(&mutex_);
  answer_ = std::move(answer);
}

void FakeServer::Hang(bool hang) {
  absl::MutexLock lock(&mutex_);
  hang_ = hang;
}

void FakeServer::SetReachable(bool reachable) {
  absl::MutexLock lock(&mutex_);
  reachable_ = reachable;
}

void FakeServer::SetConfirms(bool confirms, OutboundResult::Fate fate) {
  absl::MutexLock lock(&mutex_);
  confirms_ = confirms;
  confirm_fate_ = fate;
}

std::vector<v1::DeliverRequest> FakeServer::deliveries() const {
  absl::MutexLock lock(&mutex_);
  return deliveries_;
}

std::vector<v1::DeliverRequest> FakeServer::AwaitDeliveries(size_t count) const {
  absl::MutexLock lock(&mutex_);
  const auto enough = [this, count] {
    mutex_.AssertReaderHeld();
    return deliveries_.size() >= count;
  };
  mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(10));
  return deliveries_;
}

int FakeServer::challenges() const {
  absl::MutexLock lock(&mutex_);
  return challenges_;
}

int FakeServer::connects() const {
  absl::MutexLock lock(&mutex_);
  return connects_;
}

int FakeServer::open_calls() const {
  absl::MutexLock lock(&mutex_);
  return open_calls_;
}

std::vector<std::string> FakeServer::forgotten() const {
  absl::MutexLock lock(&mutex_);
  return forgotten_;
}

void FakeServer::Later(std::function<void()> work) {
  absl::MutexLock lock(&mutex_);
  work_.push_back(std::move(work));
}

void FakeServer::Work() {
  const auto wanted = [this] {
    mutex_.AssertReaderHeld();
    return stopping_ || !work_.empty();
  };
  for (;;) {
    std::function<void()> work;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&wanted));
      if (work_.empty()) return;
      work = std::move(work_.front());
      work_.pop_front();
    }
    work();
  }
}

OutboundResult Acknowledged(const v1::DeliverRequest& request) {
  OutboundResult result = Ended(OutboundResult::Fate::kAnswered);
  v1::DeliveryRange& range = *result.delivered.add_acknowledged();
  range.set_first(request.records(0).delivery());
  range.set_last(request.records(request.records_size() - 1).delivery());
  return result;
}

OutboundResult Rejected(const v1::DeliverRequest& request, v1::DeliveryRejection::Action action) {
  OutboundResult result = Ended(OutboundResult::Fate::kAnswered);
  for (const v1::DeliveredRecord& record : request.records()) {
    v1::DeliveryRejection& rejection = *result.delivered.add_rejected();
    rejection.set_delivery(record.delivery());
    rejection.set_action(action);
  }
  return result;
}

OutboundResult Ended(OutboundResult::Fate fate) {
  OutboundResult result;
  result.fate = fate;
  return result;
}

}  // namespace postern::delivery
