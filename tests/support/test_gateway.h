// A gateway of a test's own: directory, certificates, configuration, process, and channels to it.
//
//   storefront  spiffe://shop.test/storefront (CA "shop")
//   alice, bob  operators; alice is a privacy officer too     spiffe://shop.test/people/{name} (CA "operators")
//   mia         as alice, and minors' officer
//   vera        viewer      otto  auditor      eve  operator whose confidentiality agreement has ended
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/channel_arguments.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/postern/v1/operator_service.grpc.pb.h"
#include "proto/postern/v1/partner_service.grpc.pb.h"
#include "proto/postern/v1/storefront_service.grpc.pb.h"
#include "tests/support/gateway_process.h"
#include "tests/support/test_pki.h"

namespace postern::testing {

class TestGateway {
 public:
  // Makes everything but the process. `extra_config` is appended to the configuration.
  explicit TestGateway(const std::string& extra_config = "");
  // Removes the directory.
  ~TestGateway();

  // Ends the test process if the gateway does not start.
  void Start();
  // Starts again on the same data, after the process has ended.
  void Restart() { Start(); }
  // As Start, with "NAME=value" in the environment, for tests that make it fail.
  absl::Status TryStart(const std::vector<std::string>& environment);

  TestPki& pki() { return pki_; }
  GatewayProcess& process() { return *process_; }
  std::string Path(const std::string& file) const { return directory_ + "/" + file; }
  std::string config_path() const { return Path("postern.txtpb"); }
  std::string data_dir() const { return Path("data"); }

  // Writes "{name}.crt" and "{name}.key".
  void WritePair(const std::string& name, const KeyPairPem& pair);

  // A new connection each time. `listener` as in GatewayProcess::Address.
  std::shared_ptr<grpc::Channel> Channel(const std::string& listener, const KeyPairPem& identity,
                                         grpc::ChannelArguments arguments = {});
  std::shared_ptr<grpc::Channel> Storefront() { return Channel("shop", storefront_); }
  std::shared_ptr<grpc::Channel> Person(const std::string& name) { return Channel("operators", PersonPair(name)); }
  std::shared_ptr<grpc::Channel> PartnerChannel(const std::string& id) { return Channel("partners", PartnerPair(id)); }
  KeyPairPem PersonPair(const std::string& name);
  // SAN spiffe://{id}.test/client under the CA "{id}".
  KeyPairPem PartnerPair(const std::string& id);

  // Registers a partner with that identity, as alice. `attestation_key_pem` may be empty.
  v1::Partner CreatePartner(const std::string& id, const std::string& kind, const std::string& attestation_key_pem = "",
                            const std::vector<v1::PartnerEndpoint>& endpoints = {});
  // Applies the bundle as alice and activates every pending revision of `partners` as bob.
  void ApplyBundle(const v1::PolicyBundle& bundle, const std::vector<std::string>& partners);
  void ActivatePending(const std::string& partner);
  void ApplyRetailBundle(const std::vector<std::string>& partners);

 private:
  const std::string directory_;
  TestPki pki_;
  KeyPairPem storefront_;
  std::unique_ptr<GatewayProcess> process_;
};

// A deadline for one call, counted from now.
std::unique_ptr<grpc::ClientContext> Deadline(absl::Duration timeout = absl::Seconds(10));

// The ErrorInfo reason of a status, "" if it has none.
std::string ReasonOf(const grpc::Status& status);

// A request id made now.
std::string NewRequestId();

}  // namespace postern::testing
