// A payment channel of a test's own: answers clearpay.v1.PaymentService.Authorize over mutual TLS.
#pragma once

#include <grpcpp/server.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "policy/retail/clearpay/v1/payment_service.grpc.pb.h"
#include "proto/postern/v1/partner.pb.h"
#include "tests/support/test_pki.h"

namespace postern::testing {

class PaymentChannel {
 public:
  using Answer = std::function<grpc::Status(grpc::ServerContext*, const shop::v1::PaymentRequest&,
                                            clearpay::v1::AuthorizeResponse*)>;
  // Listens with a certificate of the CA "clear-pay"; lets in who has one of the CA "gateway".
  PaymentChannel(TestPki* pki, Answer answer);
  ~PaymentChannel();

  // Where it is, for the partner resource.
  v1::PartnerEndpoint Endpoint(const std::string& id) const;
  std::string address() const;
  // What it was asked.
  std::vector<shop::v1::PaymentRequest> requests() const;

 private:
  class Service;
  const std::string trust_bundle_;
  const std::unique_ptr<Service> service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace postern::testing
