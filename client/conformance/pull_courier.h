// The partner fetches its records from our side of PartnerService.
#pragma once

#include "client/conformance/courier.h"
#include "client/conformance/gateway_side.h"

namespace postern::client::conformance {

// Not thread-safe. Borrows the gateway's side.
class PullCourier final : public Courier {
 public:
  explicit PullCourier(GatewaySide* side) : side_(*side) {}

  absl::Status Open(absl::Duration patience) override;
  absl::Status Deliver(std::vector<v1::DeliveredRecord> records, absl::Duration patience,
                       std::vector<Answer>* answers) override;
  absl::Status Break(std::vector<v1::DeliveredRecord> records) override;
  void Terminate() override { side_.Terminate(); }

 private:
  GatewaySide& side_;
};

}  // namespace postern::client::conformance
