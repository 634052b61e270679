// Calls partners' unary gRPC methods over mTLS, with bytes in and bytes out.
//
// The server must present a certificate under the endpoint's own trust bundle with exactly the endpoint's SAN; the
// gateway presents its client certificate. There is no insecure variant. Channels are kept per endpoint and remade when
// the endpoint or the gateway's certificate changes, and when the certificate has ended that the server showed.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "server/delivery/partner_caller.h"

namespace postern::delivery {

// PEM of the certificate that the gateway shows to partners.
struct ClientCertificate {
  std::string certificate_chain_pem;
  std::string private_key_pem;
};

struct GrpcPartnerCallerOptions {
  size_t max_request_bytes = 1 << 20;
  size_t max_response_bytes = 1 << 20;
  size_t max_channels = 256;
};

// Thread-safe.
class GrpcPartnerCaller : public PartnerCaller {
 public:
  GrpcPartnerCaller(ClientCertificate certificate, GrpcPartnerCallerOptions options);
  ~GrpcPartnerCaller() override;

  void Connect(const std::string& partner, const v1::PartnerEndpoint& endpoint, absl::Time deadline,
               Connected connected) override;
  void Forget(const std::string& partner) override;

  // New calls use the new certificate; calls under way keep the old one.
  void SetCertificate(ClientCertificate certificate);

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace postern::delivery
