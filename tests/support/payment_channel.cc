#include "tests/support/payment_channel.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace postern::testing {

class PaymentChannel::Service final : public clearpay::v1::PaymentService::Service {
 public:
  explicit Service(Answer answer) : answer_(std::move(answer)) {}

  grpc::Status Authorize(grpc::ServerContext* context, const shop::v1::PaymentRequest* request,
                         clearpay::v1::AuthorizeResponse* response) override {
    {
      absl::MutexLock lock(&mutex_);
      requests_.push_back(*request);
    }
    return answer_(context, *request, response);
  }
  std::vector<shop::v1::PaymentRequest> requests() const {
    absl::MutexLock lock(&mutex_);
    return requests_;
  }

 private:
  const Answer answer_;
  mutable absl::Mutex mutex_;
  std::vector<shop::v1::PaymentRequest> requests_ ABSL_GUARDED_BY(mutex_);
};

PaymentChannel::PaymentChannel(TestPki* pki, Answer answer)
    : trust_bundle_(pki->CaPem("clear-pay")), service_(std::make_unique<Service>(std::move(answer))) {
  const KeyPairPem pair = pki->Server("clear-pay");
  grpc::SslServerCredentialsOptions tls(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  tls.pem_root_certs = pki->CaPem("gateway");
  tls.pem_key_cert_pairs.push_back({pair.private_key, pair.certificate});
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(tls), &port_);
  builder.RegisterService(service_.get());
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port_ == 0) std::abort();
}

PaymentChannel::~PaymentChannel() {
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
}

std::string PaymentChannel::address() const {
  return absl::StrCat("127.0.0.1:", port_);
}

v1::PartnerEndpoint PaymentChannel::Endpoint(const std::string& id) const {
  v1::PartnerEndpoint endpoint;
  endpoint.set_id(id);
  endpoint.set_address(address());
  endpoint.set_trust_bundle_pem(trust_bundle_);
  endpoint.set_server_san("localhost");
  return endpoint;
}

std::vector<shop::v1::PaymentRequest> PaymentChannel::requests() const {
  return service_->requests();
}

}  // namespace postern::testing
