// Push: PartnerReceiverService at the partner's endpoint, over the gateway's mutual TLS.
#pragma once

#include <string>

#include "server/delivery/channel/address_resolver.h"
#include "server/delivery/outbound_transport.h"
#include "server/delivery/partner_caller.h"

namespace postern::delivery {

// Thread-safe.
class GrpcPush : public OutboundTransport {
 public:
  // Borrows both, which must outlive this and every call under way. `caller` must take requests of
  // `kMaxPushRequestBytes`.
  GrpcPush(PartnerCaller* caller, AddressResolver* resolver) : caller_(caller), resolver_(resolver) {}

  int max_records() const override;
  void Connect(const OutboundTarget& target, Enter enter, absl::Time deadline, Connected connected) override;
  void Forget(const std::string& partner) override;

 private:
  PartnerCaller* const caller_;
  AddressResolver* const resolver_;
};

// A record of the largest size, or as many as go together, and what is said of each.
inline constexpr size_t kMaxPushRequestBytes = 4 << 20;

}  // namespace postern::delivery
