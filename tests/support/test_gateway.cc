#include "tests/support/test_gateway.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "absl/time/clock.h"
#include "client/transport/request_id.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/support/retail_bundle.h"

namespace postern::testing {
namespace {

constexpr char kConfig[] = R"(# proto-message: postern.config.v1.Config
data_dir: "data"
audit_origin: "shop.test/postern"
shop {
  address: "127.0.0.1:0"
  key_pair { certificate_chain: "server.crt" private_key: "server.key" }
  client_trust_bundle: "shop-ca.crt"
}
partners {
  address: "127.0.0.1:0"
  key_pair { certificate_chain: "server.crt" private_key: "server.key" }
}
operators {
  address: "127.0.0.1:0"
  key_pair { certificate_chain: "server.crt" private_key: "server.key" }
  client_trust_bundle: "operators-ca.crt"
}
operations { address: "127.0.0.1:0" }
storefronts { san: "spiffe://shop.test/storefront" }
people { san: "spiffe://shop.test/people/alice" roles: [ROLE_OPERATOR, ROLE_PRIVACY_OFFICER] confidentiality_agreement { $0 } }
people { san: "spiffe://shop.test/people/mia" roles: [ROLE_OPERATOR, ROLE_PRIVACY_OFFICER, ROLE_MINORS_OFFICER] confidentiality_agreement { $0 } }
people { san: "spiffe://shop.test/people/bob" roles: ROLE_OPERATOR confidentiality_agreement { $0 } }
people { san: "spiffe://shop.test/people/vera" roles: ROLE_VIEWER confidentiality_agreement { $0 } }
people { san: "spiffe://shop.test/people/otto" roles: ROLE_AUDITOR confidentiality_agreement { $0 } }
people { san: "spiffe://shop.test/people/eve" roles: ROLE_OPERATOR confidentiality_agreement { $1 } }
enrolment_ca { certificate_chain: "enrolment-ca.crt" private_key: "enrolment-ca.key" }
client_certificate { certificate_chain: "gateway-client.crt" private_key: "gateway-client.key" }
)";

std::string Agreement(absl::string_view from, absl::string_view until) {
  return absl::StrCat("sha256: \"", std::string(64, 'a'), "\" signed_on: \"", from, "\" expires_on: \"", until, "\"");
}

std::string MakeDirectory() {
  std::string path = std::filesystem::temp_directory_path().string() + "/postern-test-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) std::abort();
  return path;
}

void Require(const grpc::Status& status, const char* what) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s: %s %s\n", what, ReasonOf(status).c_str(), status.error_message().c_str());
  std::abort();
}

}  // namespace

TestGateway::TestGateway(const std::string& extra_config)
    : directory_(MakeDirectory()), storefront_(pki_.Client("shop", {"spiffe://shop.test/storefront"})) {
  WritePair("server", pki_.Server("gateway"));
  WritePair("gateway-client", pki_.Client("gateway", {"spiffe://shop.test/gateway"}));
  WritePair("enrolment-ca", pki_.CaPair("enrolment"));
  WriteWholeFile(Path("shop-ca.crt"), pki_.CaPem("shop"));
  WriteWholeFile(Path("operators-ca.crt"), pki_.CaPem("operators"));
  WriteWholeFile(config_path(), absl::StrCat(absl::Substitute(kConfig, Agreement("2020-01-01", "2199-12-31"),
                                                              Agreement("2020-01-01", "2020-12-31")),
                                             extra_config));
  const Finished made = GatewayProcess::Run({"--config", config_path(), "--init-keys"});
  if (made.exit_code != 0) {
    std::fprintf(stderr, "--init-keys: %s\n", made.output.c_str());
    std::abort();
  }
}

TestGateway::~TestGateway() {
  process_.reset();
  std::filesystem::remove_all(directory_);
}

void TestGateway::Start() {
  if (const absl::Status started = TryStart({}); !started.ok()) {
    std::fprintf(stderr, "%s\n", started.ToString().c_str());
    std::abort();
  }
}

absl::Status TestGateway::TryStart(const std::vector<std::string>& environment) {
  auto process = GatewayProcess::Start(config_path(), data_dir(), Path("posternd.log"), environment);
  if (!process.ok()) return process.status();
  process_ = *std::move(process);
  return absl::OkStatus();
}

void TestGateway::WritePair(const std::string& name, const KeyPairPem& pair) {
  WriteWholeFile(Path(name + ".crt"), pair.certificate);
  WriteWholeFile(Path(name + ".key"), pair.private_key);
}

std::shared_ptr<grpc::Channel> TestGateway::Channel(const std::string& listener, const KeyPairPem& identity,
                                                    grpc::ChannelArguments arguments) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = pki_.CaPem("gateway");
  options.pem_cert_chain = identity.certificate;
  options.pem_private_key = identity.private_key;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);  // how long an attempt may take, on a busy machine too
  return grpc::CreateCustomChannel(process_->Address(listener), grpc::SslCredentials(options), arguments);
}

KeyPairPem TestGateway::PersonPair(const std::string& name) {
  return pki_.Client("operators", {"spiffe://shop.test/people/" + name});
}

KeyPairPem TestGateway::PartnerPair(const std::string& id) {
  return pki_.Client(id, {absl::StrCat("spiffe://", id, ".test/client")});
}

v1::Partner TestGateway::CreatePartner(const std::string& id, const std::string& kind,
                                       const std::string& attestation_key_pem,
                                       const std::vector<v1::PartnerEndpoint>& endpoints) {
  v1::CreatePartnerRequest request;
  request.mutable_partner()->set_name("partners/" + id);
  request.mutable_partner()->set_legal_entity(id + " Ltd");
  request.mutable_partner()->set_kind(kind);
  v1::PartnerIdentity* identity = request.mutable_partner()->add_identities();
  identity->set_trust_bundle_pem(pki_.CaPem(id));
  identity->set_spiffe_id(absl::StrCat("spiffe://", id, ".test/client"));
  if (!attestation_key_pem.empty()) {
    v1::AttestationKey* key = request.mutable_partner()->add_attestation_keys();
    key->set_key_id("attestation-1");
    key->set_public_key_pem(attestation_key_pem);
  }
  *request.mutable_partner()->mutable_endpoints() = {endpoints.begin(), endpoints.end()};
  v1::Partner partner;
  Require(v1::OperatorService::NewStub(Person("alice"))->CreatePartner(Deadline().get(), request, &partner),
          "CreatePartner");
  return partner;
}

void TestGateway::ApplyRetailBundle(const std::vector<std::string>& partners) {
  ApplyBundle(RetailBundle(), partners);
}

void TestGateway::ApplyBundle(const v1::PolicyBundle& bundle, const std::vector<std::string>& partners) {
  v1::ApplyPolicyBundleRequest apply;
  *apply.mutable_bundle() = bundle;
  v1::ApplyPolicyBundleResponse applied;
  Require(v1::OperatorService::NewStub(Person("alice"))->ApplyPolicyBundle(Deadline().get(), apply, &applied),
          "ApplyPolicyBundle");
  for (const std::string& id : partners) ActivatePending(id);
}

void TestGateway::ActivatePending(const std::string& partner) {
  const auto bob = v1::OperatorService::NewStub(Person("bob"));
  v1::ListContractRevisionsRequest list;
  list.set_parent("partners/" + partner);
  v1::ListContractRevisionsResponse response;
  Require(bob->ListContractRevisions(Deadline().get(), list, &response), "ListContractRevisions");
  for (const v1::ContractRevision& revision : response.revisions()) {
    if (revision.state() != v1::ContractRevision::STATE_PENDING) continue;
    v1::ActivateContractRevisionRequest activate;
    activate.set_name(revision.name());
    v1::ContractRevision active;
    Require(bob->ActivateContractRevision(Deadline().get(), activate, &active), "ActivateContractRevision");
  }
}

std::unique_ptr<grpc::ClientContext> Deadline(absl::Duration timeout) {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout));
  return context;
}

std::string ReasonOf(const grpc::Status& status) {
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return std::string();
  for (const auto& detail : details.details()) {
    google::rpc::ErrorInfo info;
    if (detail.UnpackTo(&info)) return info.reason();
  }
  return std::string();
}

std::string NewRequestId() {
  return client::NewRequestId(absl::Now());
}

}  // namespace postern::testing
