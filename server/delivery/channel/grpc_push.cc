#include "server/delivery/channel/grpc_push.h"

#include <memory>
#include <utility>

#include "proto/errors/error.h"
#include "server/disclosure/errors.h"
#include "server/disclosure/limits.h"

namespace postern::delivery {
namespace {

constexpr char kConfirm[] = "/postern.v1.PartnerReceiverService/ConfirmEndpoint";
constexpr char kDeliver[] = "/postern.v1.PartnerReceiverService/Deliver";

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

class PushCall : public OutboundTransport::Call {
 public:
  explicit PushCall(std::shared_ptr<PartnerCaller::Call> call) : call_(std::move(call)) {}
  void Cancel() override { call_->Cancel(); }

 private:
  const std::shared_ptr<PartnerCaller::Call> call_;
};

// What the transport says, but for the answer itself.
OutboundResult::Fate FateOf(const CallResult& result) {
  switch (result.fate) {
    case CallResult::Fate::kAnswered:
      return OutboundResult::Fate::kAnswered;
    case CallResult::Fate::kNotSent:
      return OutboundResult::Fate::kNotSent;
    case CallResult::Fate::kRefused:
    case CallResult::Fate::kLost:
      break;
  }
  return OutboundResult::Fate::kFailed;
}

class PushLine : public OutboundTransport::Line {
 public:
  explicit PushLine(std::shared_ptr<PartnerCaller::Line> line) : line_(std::move(line)) {}

  std::shared_ptr<OutboundTransport::Call> Confirm(const v1::ConfirmEndpointRequest& request, absl::Time deadline,
                                                   OutboundTransport::Done done) override {
    return Start(kConfirm, request.SerializeAsString(), deadline, [done = std::move(done)](const CallResult& call) {
      OutboundResult result;
      result.fate = FateOf(call);
      if (result.fate == OutboundResult::Fate::kAnswered && !result.confirmed.ParseFromString(call.reply)) {
        result.fate = OutboundResult::Fate::kFailed;
      }
      done(std::move(result));
    });
  }

  std::shared_ptr<OutboundTransport::Call> Deliver(const v1::DeliverRequest& request, absl::Time deadline,
                                                   OutboundTransport::Done done) override {
    return Start(kDeliver, request.SerializeAsString(), deadline, [done = std::move(done)](const CallResult& call) {
      OutboundResult result;
      result.fate = FateOf(call);
      if (result.fate == OutboundResult::Fate::kAnswered && !result.delivered.ParseFromString(call.reply)) {
        result.fate = OutboundResult::Fate::kFailed;
      }
      result.retry_after = ToDuration(result.delivered.retry_after());
      done(std::move(result));
    });
  }

 private:
  std::shared_ptr<OutboundTransport::Call> Start(const char* method, const std::string& request, absl::Time deadline,
                                                 PartnerCaller::Done done) {
    return std::make_shared<PushCall>(line_->Start(method, request, deadline, std::move(done)));
  }

  const std::shared_ptr<PartnerCaller::Line> line_;
};

}  // namespace

int GrpcPush::max_records() const {
  return disclosure::limits::kMaxResponseRecords;
}

void GrpcPush::Connect(const OutboundTarget& target, Enter enter, absl::Time deadline, Connected connected) {
  const auto found = [this, partner = target.partner->resource.name(), endpoint = target.endpoint, enter, deadline,
                      connected](absl::StatusOr<std::string> address) {
    if (!address.ok()) return connected(address.status());
    v1::PartnerEndpoint checked = endpoint;
    // Connected to is what was checked, whatever the name leads to by then.
    checked.set_address(*std::move(address));
    const registry::PartnerFence::Pass pass = enter();
    if (!pass) return connected(disclosure::errors::Fenced());
    caller_->Connect(partner, checked, deadline,
                     [connected](absl::StatusOr<std::shared_ptr<PartnerCaller::Line>> line) {
                       if (!line.ok()) return connected(line.status());
                       connected(std::make_shared<PushLine>(*std::move(line)));
                     });
  };
  resolver_->Resolve(target.endpoint.address(), target.terms.push().allow_private_addresses(), found);
}

void GrpcPush::Forget(const std::string& partner) {
  caller_->Forget(partner);
}

}  // namespace postern::delivery
