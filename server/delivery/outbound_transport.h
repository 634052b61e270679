// How the gateway itself brings records to a partner's server. Implemented by the channel adapters, which know gRPC and
// HTTP.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/postern/v1/contract.pb.h"
#include "proto/postern/v1/partner.pb.h"
#include "proto/postern/v1/partner_receiver_service.pb.h"
#include "server/registry/endpoint_registry.h"
#include "server/registry/partner_fence.h"
#include "server/registry/snapshot.h"

namespace postern::delivery {

// Where records of one partner go.
struct OutboundTarget {
  std::shared_ptr<const registry::PartnerView> partner;
  v1::Delivery terms;            // push or webhook
  v1::PartnerEndpoint endpoint;  // that the terms name
  // Of the secret that signs webhooks to it; 0 if there is none.
  int32_t secret_generation = 0;
  // That webhooks to it are encrypted to; without key_id if the terms name none, without the key if it is not there.
  v1::EncryptionKey encryption_key;
};

inline int32_t SecretGeneration(const v1::Partner& partner, absl::string_view endpoint) {
  const v1::EndpointStanding* standing = registry::FindStanding(partner, endpoint);
  return standing == nullptr ? 0 : standing->secret_generation();
}

inline v1::EncryptionKey EncryptionKeyOf(const v1::Partner& partner, const v1::Delivery& terms) {
  v1::EncryptionKey named;
  named.set_key_id(terms.webhook().encryption_key());
  for (const v1::EncryptionKey& key : partner.encryption_keys()) {
    if (key.key_id() == named.key_id()) return key;
  }
  return named;
}

// How a call ended.
struct OutboundResult {
  enum class Fate {
    kAnswered,  // the partner took the call; its answer is in `delivered` or `confirmed`
    kNotSent,   // nothing of it left the gateway
    kFailed,    // the partner may or may not have acted
    kGone,      // the endpoint says that it is gone for good
  };
  Fate fate = Fate::kFailed;
  v1::DeliverResponse delivered;
  v1::ConfirmEndpointResponse confirmed;
  // Nothing is to be sent before this has passed. Zero: at once.
  absl::Duration retry_after = absl::ZeroDuration();
};

// Thread-safe.
class OutboundTransport {
 public:
  using Done = std::function<void(OutboundResult)>;
  // A call under way. Cancel is idempotent, does not block, and makes the call end unless it has ended.
  class Call {
   public:
    virtual ~Call() = default;
    virtual void Cancel() = 0;
  };
  // Ready to take one call. `done` is called exactly once, never from inside these; nothing is ever repeated.
  class Line {
   public:
    virtual ~Line() = default;
    virtual std::shared_ptr<Call> Confirm(const v1::ConfirmEndpointRequest& request, absl::Time deadline,
                                          Done done) = 0;
    virtual std::shared_ptr<Call> Deliver(const v1::DeliverRequest& request, absl::Time deadline, Done done) = 0;
  };
  using Connected = std::function<void(absl::StatusOr<std::shared_ptr<Line>>)>;
  // Gives a pass of the partner's fence, to be held while a connection is begun. Falsy: none may be.
  using Enter = std::function<registry::PartnerFence::Pass()>;

  virtual ~OutboundTransport() = default;
  // Records that one call may carry. At least 1.
  virtual int max_records() const = 0;
  // Finds the target's address, checks it, and connects or takes a connection that is open. `connected` is called
  // exactly once, possibly from inside this call. PARTNER_UNREACHABLE, ADDRESS_FORBIDDEN, FENCED.
  virtual void Connect(const OutboundTarget& target, Enter enter, absl::Time deadline, Connected connected) = 0;
  // Resets what is open to a partner, whose calls have ended: what is queued in the kernel is gone.
  virtual void Forget(const std::string& partner) = 0;
};

}  // namespace postern::delivery
