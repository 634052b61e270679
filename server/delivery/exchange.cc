#include "server/delivery/exchange.h"

#include <algorithm>
#include <utility>

#include <google/protobuf/descriptor.h>

#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/delivery/cancel_slot.h"
#include "server/disclosure/audit_entry.h"
#include "server/disclosure/errors.h"
#include "server/disclosure/names.h"

namespace postern::delivery {
namespace {

absl::Status OutcomeUnknown() {
  return MakeError(v1::ERROR_REASON_OUTCOME_UNKNOWN, "the partner's reply did not arrive; it may have acted");
}
absl::Status PartnerFailed() {
  return MakeError(v1::ERROR_REASON_PARTNER_FAILED, "the partner answered with an error");
}
absl::Status PartnerUnreachable() {
  return MakeError(v1::ERROR_REASON_PARTNER_UNREACHABLE, "the partner could not be reached; nothing was sent");
}

const v1::PartnerEndpoint* EndpointOf(const v1::Partner& partner, const std::string& id) {
  for (const v1::PartnerEndpoint& endpoint : partner.endpoints()) {
    if (endpoint.id() == id || base::FailpointSkips("endpoint.skip")) return &endpoint;
  }
  return nullptr;
}

// The inbound grant for the reply: that of the method's own response type where the descriptors have the method, else
// the first one for the purpose. Null if nothing may come back.
const policy::CompiledGrant* ReplyGrant(const policy::CompiledBundle& bundle, const policy::CompiledContract& contract,
                                        const policy::CompiledGrant& outbound) {
  // "/package.Service/Method" is "package.Service.Method" to a descriptor pool.
  std::string method = contract.terms.delivery().exchange().method().substr(1);
  std::replace(method.begin(), method.end(), '/', '.');
  if (const google::protobuf::Descriptor* record = bundle.FindMessage(outbound.record_type); record != nullptr) {
    const google::protobuf::MethodDescriptor* descriptor = record->file()->pool()->FindMethodByName(method);
    if (descriptor != nullptr) return contract.FindInbound(outbound.purpose, descriptor->output_type()->full_name());
  }
  for (const policy::CompiledGrant& grant : contract.inbound) {
    if (grant.purpose == outbound.purpose) return &grant;
  }
  return nullptr;
}

// What an exchange that ended badly is answered with, now and at every retry.
absl::Status EndedWith(const std::string& reason) {
  v1::ErrorReason parsed = v1::ERROR_REASON_UNSPECIFIED;
  if (!v1::ErrorReason_Parse(reason, &parsed)) return PartnerFailed();
  return MakeError(parsed, "this exchange failed before");
}

}  // namespace

// One exchange on its way. Owned by the callbacks that wait for it.
struct Exchanger::Run {
  disclosure::CommittedExchange committed;
  absl::Time deadline;
  std::string principal;
  bool counted = false;  // in running_
  InFlightCalls::Token token = 0;
  v1::Record response;  // projected
  Done done;

  const disclosure::Entry& entry() const { return committed.entry; }
  const policy::CompiledContract& contract() const { return *entry().grant->contract; }
};

Exchanger::Exchanger(disclosure::Discloser* discloser, PartnerCaller* caller, Settler* settler, InFlightCalls* calls,
                     std::function<absl::Time()> clock, OnInboundFinding on_finding)
    : discloser_(discloser),
      caller_(caller),
      settler_(settler),
      calls_(calls),
      clock_(std::move(clock)),
      on_finding_(std::move(on_finding)) {}

void Exchanger::Exchange(const identity::Principal& principal, const v1::ExchangeRequest& request, absl::Time deadline,
                         Done done) {
  auto run = std::make_shared<Run>();
  run->principal = principal.name;
  run->deadline = deadline;
  run->done = std::move(done);
  discloser_->CommitExchange(principal, request, [this, run](absl::StatusOr<disclosure::CommittedExchange> committed) {
    OnCommitted(run, std::move(committed));
  });
}

void Exchanger::OnCommitted(std::shared_ptr<Run> run, absl::StatusOr<disclosure::CommittedExchange> committed) {
  if (!committed.ok()) return run->done(committed.status());
  run->committed = *std::move(committed);
  const bool replayed = run->entry().result.replayed;
  if (replayed && AnswerFromLedger(run)) return;
  {
    absl::MutexLock lock(&mutex_);
    run->counted = running_.insert(run->entry().result.seq).second;
  }
  if (!run->counted) return run->done(OutcomeUnknown());  // another call is carrying it out right now
  if (replayed && !MayCallAgain(run)) return;
  Call(std::move(run));
}

bool Exchanger::AnswerFromLedger(const std::shared_ptr<Run>& run) {
  switch (run->committed.disclosure.state()) {
    case v1::DISCLOSURE_STATE_DELIVERED: {
      if (!run->committed.reason.empty()) {
        Answer(run, EndedWith(run->committed.reason));
        return true;
      }
      v1::ExchangeResponse response;
      *response.mutable_disclosure() = run->committed.disclosure;
      response.set_replayed(true);
      Answer(run, std::move(response));
      return true;
    }
    case v1::DISCLOSURE_STATE_FAILED:
      Answer(run, EndedWith(run->committed.reason));
      return true;
    default:
      break;
  }
  // A retry that would be refused today, or of which something else would leave, is told what is known, and changes
  // nothing.
  if (run->entry().grant != nullptr) return false;
  Answer(run, OutcomeUnknown());
  return true;
}

bool Exchanger::MayCallAgain(const std::shared_ptr<Run>& run) {
  // The call that carried it out may have ended between the ledger's answer and this one's turn.
  if (const absl::Status read = discloser_->Refresh(&run->committed); !read.ok()) {
    Answer(run, read);
    return false;
  }
  if (AnswerFromLedger(run)) return false;
  // Unknown, or left open by a crash, which is the same: only an idempotent method may be called again.
  if (run->contract().terms.delivery().exchange().idempotent()) return true;
  if (run->committed.disclosure.state() == v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN) {
    Answer(run, OutcomeUnknown());
  } else {
    Settle(run, v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN, OutcomeUnknown());
  }
  return false;
}

void Exchanger::Answer(const std::shared_ptr<Run>& run, absl::StatusOr<v1::ExchangeResponse> answer) {
  if (run->counted) {
    absl::MutexLock lock(&mutex_);
    running_.erase(run->entry().result.seq);
  }
  run->done(std::move(answer));
}

void Exchanger::Call(std::shared_ptr<Run> run) {
  const v1::Delivery::Exchange& terms = run->contract().terms.delivery().exchange();
  const v1::Partner& partner = run->entry().partner->resource;
  const v1::PartnerEndpoint* endpoint = EndpointOf(partner, terms.endpoint());
  if (endpoint == nullptr) return Settle(std::move(run), v1::DISCLOSURE_STATE_FAILED, PartnerUnreachable());
  run->deadline = std::min(run->deadline, clock_() + absl::Milliseconds(terms.timeout_ms()));
  // Inside the fence: a partner that is being stopped has its connections dropped once, and none is made after that.
  const registry::PartnerFence::Pass pass = run->entry().partner->fence->Enter(run->entry().fence_generation);
  if (!pass) return Settle(std::move(run), v1::DISCLOSURE_STATE_FAILED, disclosure::errors::Fenced());
  caller_->Connect(partner.name(), *endpoint, run->deadline,
                   [this, run](absl::StatusOr<std::shared_ptr<PartnerCaller::Line>> line) { OnLine(run, line); });
}

void Exchanger::OnLine(std::shared_ptr<Run> run, absl::StatusOr<std::shared_ptr<PartnerCaller::Line>> line) {
  if (!line.ok()) return Settle(std::move(run), v1::DISCLOSURE_STATE_FAILED, PartnerUnreachable());
  // The fence is held while the request is handed to the transport and not while the reply is awaited: a revocation
  // cancels the call instead of waiting for it, and what the partner may have read by then is possibly held.
  registry::PartnerFence::Pass pass = run->entry().partner->fence->Enter(run->entry().fence_generation);
  if (!pass) {
    return Settle(std::move(run), v1::DISCLOSURE_STATE_FAILED, disclosure::errors::Fenced());
  }
  const auto cancel = std::make_shared<CancelSlot<PartnerCaller::Call>>();
  run->token = calls_->Add(run->entry().row.partner, [cancel] { cancel->Cancel(); });
  cancel->Set((*line)->Start(run->contract().terms.delivery().exchange().method(), *run->entry().bytes, run->deadline,
                             [this, run](CallResult result) { OnResult(run, std::move(result)); }));
}

void Exchanger::OnResult(std::shared_ptr<Run> run, CallResult result) {
  calls_->Remove(run->token);
  switch (result.fate) {
    case CallResult::Fate::kNotSent:
      return Settle(std::move(run), v1::DISCLOSURE_STATE_FAILED, PartnerUnreachable());
    case CallResult::Fate::kRefused:
      return Settle(std::move(run), v1::DISCLOSURE_STATE_FAILED, PartnerFailed());
    case CallResult::Fate::kLost:
      return Settle(std::move(run), v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN, OutcomeUnknown());
    case CallResult::Fate::kAnswered:
      break;
  }
  const policy::CompiledGrant* inbound =
      ReplyGrant(*run->entry().snapshot->bundle, run->contract(), *run->entry().grant->grant);
  // The partner has the record and has acted on it: that its answer is of no use does not undo the delivery.
  if (inbound != nullptr) {
    absl::StatusOr<std::string> projected =
        ProjectInbound(*inbound, run->entry().partner->resource.name(), result.reply, clock_(), on_finding_);
    if (!projected.ok()) return Settle(std::move(run), v1::DISCLOSURE_STATE_DELIVERED, projected.status());
    run->response.set_type(inbound->record_type);
    run->response.set_data(*std::move(projected));
  }
  Settle(std::move(run), v1::DISCLOSURE_STATE_DELIVERED, absl::OkStatus());
}

void Exchanger::Settle(std::shared_ptr<Run> run, v1::DisclosureState state, absl::Status outcome) {
  const disclosure::Entry& entry = run->entry();
  // That nothing was sent this time does not say what became of the time before.
  const bool refused = ReasonOf(outcome) == v1::ERROR_REASON_PARTNER_FAILED;
  if (entry.result.replayed && state == v1::DISCLOSURE_STATE_FAILED && !refused) {
    state = v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN;
    outcome = OutcomeUnknown();
  }
  const bool sent = refused || state != v1::DISCLOSURE_STATE_FAILED;
  const v1::ErrorReason reason = ReasonOf(outcome);
  storage::SettleBatch batch;
  batch.span.partner = entry.row.partner;
  batch.time = clock_();
  batch.settlements.push_back({entry.result.seq, state, disclosure::ReasonName(reason)});
  absl::StatusOr<std::string> leaf =
      disclosure::SettlementLeaf(batch.time, run->principal, run->committed.disclosure.name(), state, reason);
  const auto finish = [this, run, state, sent, outcome](const absl::Status& settled) {
    if (!settled.ok()) return Answer(run, sent ? OutcomeUnknown() : disclosure::errors::LedgerUnavailable());
    if (!outcome.ok()) return Answer(run, outcome);
    v1::ExchangeResponse response;
    *response.mutable_disclosure() = std::move(run->committed.disclosure);
    response.mutable_disclosure()->set_state(state);
    if (!run->response.type().empty()) *response.mutable_response() = std::move(run->response);
    Answer(run, std::move(response));
  };
  if (!leaf.ok()) return finish(leaf.status());
  batch.audit_leaves.push_back(*std::move(leaf));
  settler_->Settle(std::move(batch), finish);
}

}  // namespace postern::delivery
