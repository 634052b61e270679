// Records are pushed to the partner's PartnerReceiverService.
#pragma once

#include <memory>
#include <string>

#include <grpcpp/channel.h>

#include "client/conformance/courier.h"
#include "proto/postern/v1/partner_receiver_service.grpc.pb.h"

namespace postern::client::conformance {

// Not thread-safe.
class PushCourier final : public Courier {
 public:
  // `endpoint`: the id of the endpoint in the partner's resource.
  PushCourier(std::shared_ptr<grpc::Channel> channel, std::string partner, std::string endpoint)
      : stub_(v1::PartnerReceiverService::NewStub(std::move(channel))),
        partner_(std::move(partner)),
        endpoint_(std::move(endpoint)) {}

  // Asks it to prove that it is the endpoint, and that it is no other partner's.
  absl::Status Open(absl::Duration patience) override;
  absl::Status Deliver(std::vector<v1::DeliveredRecord> records, absl::Duration patience,
                       std::vector<Answer>* answers) override;
  absl::Status Break(std::vector<v1::DeliveredRecord> records) override;
  void Terminate() override {}

 private:
  const std::unique_ptr<v1::PartnerReceiverService::StubInterface> stub_;
  const std::string partner_;
  const std::string endpoint_;
};

}  // namespace postern::client::conformance
