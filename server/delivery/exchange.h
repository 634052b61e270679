// The synchronous channel: project → commit → the partner's own method → project the response → settle → reply.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/postern/v1/storefront_service.pb.h"
#include "server/delivery/in_flight_calls.h"
#include "server/delivery/inbound.h"
#include "server/delivery/partner_caller.h"
#include "server/delivery/settler.h"
#include "server/disclosure/discloser.h"
#include "server/identity/principal.h"

namespace postern::delivery {

// Thread-safe.
class Exchanger {
 public:
  using Done = std::function<void(absl::StatusOr<v1::ExchangeResponse>)>;

  // Borrows the parts, which must outlive this and every call under way. `on_finding` may be null.
  Exchanger(disclosure::Discloser* discloser, PartnerCaller* caller, Settler* settler, InFlightCalls* calls,
            std::function<absl::Time()> clock, OnInboundFinding on_finding = nullptr);

  // Exchanges one record. The call waits for the partner as long as its contract says, but not past `deadline`. `done`
  // is called exactly once, from any thread. Errors: those of Discloser::CommitExchange, and PARTNER_UNREACHABLE
  // (nothing was sent), FENCED (likewise), PARTNER_FAILED, RESPONSE_MALFORMED, VERIFIER_FINDING, OUTCOME_UNKNOWN. The
  // outcome is durable before the reply. If it could not be written, the answer is LEDGER_UNAVAILABLE where nothing was
  // sent, which may be tried again, and OUTCOME_UNKNOWN where the partner has acted; the ledger then says
  // POSSIBLY_HELD.
  void Exchange(const identity::Principal& principal, const v1::ExchangeRequest& request, absl::Time deadline,
                Done done);

 private:
  struct Run;

  void OnCommitted(std::shared_ptr<Run> run, absl::StatusOr<disclosure::CommittedExchange> committed);
  // True if a repeated request has been answered with what the ledger says of it.
  bool AnswerFromLedger(const std::shared_ptr<Run>& run);
  // True if a repeated request is to call the partner again; otherwise the run has been answered. The run is counted.
  bool MayCallAgain(const std::shared_ptr<Run>& run);
  void Answer(const std::shared_ptr<Run>& run, absl::StatusOr<v1::ExchangeResponse> answer);
  void Call(std::shared_ptr<Run> run);
  void OnLine(std::shared_ptr<Run> run, absl::StatusOr<std::shared_ptr<PartnerCaller::Line>> line);
  void OnResult(std::shared_ptr<Run> run, CallResult result);
  void Settle(std::shared_ptr<Run> run, v1::DisclosureState state, absl::Status outcome);

  disclosure::Discloser* const discloser_;
  PartnerCaller* const caller_;
  Settler* const settler_;
  InFlightCalls* const calls_;
  const std::function<absl::Time()> clock_;
  const OnInboundFinding on_finding_;

  absl::Mutex mutex_;
  // Exchanges that this process is carrying out: a retry of one of them must not call the partner again.
  absl::flat_hash_set<int64_t> running_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::delivery
