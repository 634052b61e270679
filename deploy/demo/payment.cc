// A payment channel that answers more than it may: card data and its opinion of the payer. The gateway must not let
// that through.
#include <csignal>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <thread>

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "deploy/demo/canary.h"
#include "deploy/demo/transcript.h"
#include "policy/retail/clearpay/v1/payment_service.grpc.pb.h"

namespace {

using namespace postern;  // NOLINT(google-build-using-namespace)

volatile std::sig_atomic_t stop_requested = 0;

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream content;
  content << in.rdbuf();
  return content.str();
}

class PaymentChannel final : public clearpay::v1::PaymentService::Service {
 public:
  explicit PaymentChannel(const std::string& folder)
      : canaries_(absl::ToUnixNanos(absl::Now())),
        transcript_(folder),
        planted_(absl::StrCat(folder, "/planted.tsv"), std::ios::app) {}

  grpc::Status Authorize(grpc::ServerContext*, const shop::v1::PaymentRequest* request,
                         clearpay::v1::AuthorizeResponse* response) override {
    absl::MutexLock lock(&mutex_);
    transcript_.Add(request->payment_reference(), request->GetTypeName(), request->SerializeAsString(), absl::Now());
    response->set_payment_reference(request->payment_reference());
    response->set_status(clearpay::v1::AUTHORIZATION_STATUS_AUTHORIZED);
    response->set_authorization_code(absl::StrCat("AUTH-", request->payment_reference()));
    response->set_authorized_minor_units(request->amount().minor_units());
    auto& card = *response->mutable_card();
    card.set_number(Plant(canaries_.CardNumber(), *request, "card.number"));
    card.set_holder(Plant(canaries_.Text(), *request, "card.holder"));
    card.set_expiry("12/29");
    card.set_issuer(Plant(canaries_.Text(), *request, "card.issuer"));
    response->mutable_risk()->set_score(17);
    response->mutable_risk()->add_other_merchants(Plant(canaries_.Text(), *request, "risk.other_merchants"));
    return grpc::Status::OK;
  }

 private:
  std::string Plant(std::string canary, const shop::v1::PaymentRequest& request, const std::string& path)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    planted_ << demo::ToLine({canary, request.payment_reference(), path, {}}) << std::flush;
    return canary;
  }

  absl::Mutex mutex_;
  demo::CanaryMaker canaries_ ABSL_GUARDED_BY(mutex_);
  demo::Transcript transcript_ ABSL_GUARDED_BY(mutex_);
  std::ofstream planted_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

int main(int argc, char** argv) {
  std::string address, certificate, key, ca, folder;
  CLI::App app("A payment channel that answers more than it may", "demo-payment");
  app.add_option("--address", address, "Where to listen; port 0 picks one, which is printed")->required();
  app.add_option("--cert", certificate)->required();
  app.add_option("--key", key)->required();
  app.add_option("--ca", ca, "CA of the gateway's client certificate")->required();
  app.add_option("--folder", folder)->required();
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGTERM, [](int) { stop_requested = 1; });
  std::signal(SIGINT, [](int) { stop_requested = 1; });

  grpc::SslServerCredentialsOptions tls(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  tls.pem_root_certs = ReadFile(ca);
  tls.pem_key_cert_pairs.push_back({ReadFile(key), ReadFile(certificate)});
  PaymentChannel service(folder);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(address, grpc::SslServerCredentials(tls), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    std::cerr << "cannot listen\n";
    return 1;
  }
  std::cout << port << std::endl;
  while (stop_requested == 0) absl::SleepFor(absl::Milliseconds(50));
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  return 0;
}
