// Webhook: every record is posted to the partner's HTTPS server as JSON, encrypted to the partner's key where the
// contract names one, and signed as Standard Webhooks 1.0.0 says.
#pragma once

#include <functional>
#include <string>

#include "absl/time/time.h"
#include "server/delivery/channel/address_resolver.h"
#include "server/delivery/channel/http_poster.h"
#include "server/delivery/outbound_transport.h"
#include "server/registry/snapshot.h"

namespace postern::delivery {

// Thread-safe. The server must present the endpoint's server_san, a DNS name, under the endpoint's trust bundle. 2xx
// takes a record, 410 is the end of the endpoint, everything else a failure; Retry-After is honoured.
class Webhook : public OutboundTransport {
 public:
  // Borrows the parts, which must outlive this and every call under way. Records are spelt out by the bundle that
  // `snapshots` has.
  Webhook(HttpPoster* poster, AddressResolver* resolver, const registry::SnapshotHolder* snapshots,
          std::function<absl::Time()> clock)
      : poster_(poster), resolver_(resolver), snapshots_(snapshots), clock_(std::move(clock)) {}

  int max_records() const override { return 1; }
  // Also KEY_SHREDDED, where the endpoint has no secret.
  void Connect(const OutboundTarget& target, Enter enter, absl::Time deadline, Connected connected) override;
  // There is nothing: a connection lives as long as its request.
  void Forget(const std::string&) override {}

 private:
  HttpPoster* const poster_;
  AddressResolver* const resolver_;
  const registry::SnapshotHolder* const snapshots_;
  const std::function<absl::Time()> clock_;
};

}  // namespace postern::delivery
