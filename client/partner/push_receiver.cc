#include "client/partner/push_receiver.h"

#include <chrono>
#include <utility>

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include "client/partner/delivery_answer.h"
#include "proto/errors/error.h"
#include "proto/postern/v1/partner_receiver_service.grpc.pb.h"

namespace postern::client {
namespace {

// A batch of the largest records that the gateway sends in one call.
constexpr int kMaxRequestBytes = 8 << 20;

// Whether the peer's certificate, which the transport has verified, is the gateway's.
bool IsGateway(const grpc::ServerContext& context, const std::string& san) {
  const std::vector<grpc::string_ref> names =
      context.auth_context()->FindPropertyValues("x509_subject_alternative_name");
  return names.size() == 1 && names[0] == grpc::string_ref(san);
}

}  // namespace

class PushReceiver::Service final : public v1::PartnerReceiverService::Service {
 public:
  Service(PushReceiverOptions options, HandlerFn handler)
      : options_(std::move(options)), handler_(std::move(handler)) {}

  const PushReceiverOptions& options() const { return options_; }

  grpc::Status ConfirmEndpoint(grpc::ServerContext* context, const v1::ConfirmEndpointRequest* request,
                               v1::ConfirmEndpointResponse* response) override {
    if (grpc::Status status = Check(*context, request->partner()); !status.ok()) return status;
    if (request->endpoint() != options_.endpoint) {
      return grpc::Status(grpc::StatusCode::NOT_FOUND, "this is another endpoint");
    }
    response->set_partner(options_.partner);
    response->set_challenge(request->challenge());
    return grpc::Status::OK;
  }

  grpc::Status Deliver(grpc::ServerContext* context, const v1::DeliverRequest* request,
                       v1::DeliverResponse* response) override {
    if (grpc::Status status = Check(*context, request->partner()); !status.ok()) return status;
    for (const v1::DeliveredRecord& record : request->records()) {
      // Nobody waits for the answer any more: what is not handled comes again.
      if (context->IsCancelled()) return grpc::Status::CANCELLED;
      AnswerDelivery(record.delivery(), handler_(record), response);
    }
    return grpc::Status::OK;
  }

 private:
  grpc::Status Check(const grpc::ServerContext& context, const std::string& partner) const {
    if (!IsGateway(context, options_.gateway_san)) {
      return grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "only the gateway may call this");
    }
    if (partner != options_.partner) return grpc::Status(grpc::StatusCode::NOT_FOUND, "this is another partner");
    return grpc::Status::OK;
  }

  const PushReceiverOptions options_;
  const HandlerFn handler_;
};

PushReceiver::PushReceiver(std::unique_ptr<Service> service) : service_(std::move(service)) {}

absl::StatusOr<std::unique_ptr<PushReceiver>> PushReceiver::Start(PushReceiverOptions options, HandlerFn handler) {
  std::unique_ptr<PushReceiver> receiver(
      new PushReceiver(std::make_unique<Service>(std::move(options), std::move(handler))));
  const PushReceiverOptions& kept = receiver->service_->options();
  grpc::SslServerCredentialsOptions tls(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  tls.pem_root_certs = kept.gateway_trust_bundle;
  tls.pem_key_cert_pairs.push_back({kept.private_key, kept.certificate_chain});
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
  builder.AddListeningPort(kept.address, grpc::SslServerCredentials(tls), &receiver->port_);
  builder.RegisterService(receiver->service_.get());
  receiver->server_ = builder.BuildAndStart();
  if (receiver->server_ == nullptr || receiver->port_ == 0) {
    return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, "cannot listen there with that certificate",
                     {{"address", kept.address}});
  }
  return receiver;
}

PushReceiver::~PushReceiver() {
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(2));
}

}  // namespace postern::client
