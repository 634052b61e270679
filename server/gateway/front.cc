#include "server/gateway/front.h"

#include <utility>
#include <vector>

#include "proto/errors/error.h"
#include "server/identity/key_pair.h"

namespace postern::gateway {
namespace {

// Memory that gRPC may use for all listeners together.
constexpr size_t kTransportBytes = 256 << 20;

constexpr identity::Listener kListeners[] = {identity::Listener::kShop, identity::Listener::kPartners,
                                             identity::Listener::kOperators};
constexpr const char* kNames[] = {"shop", "partners", "operators"};
// Threads for calls that block on the store, and calls that may wait for one.
constexpr int kPoolThreads[] = {2, 2, 3};
constexpr size_t kPoolQueue = 512;
// A shop's processes share one name and may have as many as the listener takes. The partners' are those of
// ConnectionTable::Limits.
constexpr rpc::ConnectionTable::Limits kConnections[] = {{1024, 256}, {}, {64, 64}};

absl::StatusOr<std::shared_ptr<const identity::TrustBundle>> LoadTrust(const std::string& path) {
  POSTERN_ASSIGN_OR_RETURN(const std::string pem, identity::ReadPublicFile(path));
  return identity::TrustBundle::Parse(pem);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Front>> Front::Start(const config::Config& config, const Clock& clock, Core& core,
                                                    Metrics* metrics, ServingState* serving) {
  std::unique_ptr<Front> front(new Front(config, clock, serving));
  POSTERN_RETURN_IF_ERROR(front->BuildResolver(core));
  for (const Face face : {kShop, kPartners, kOperators}) {
    POSTERN_RETURN_IF_ERROR(front->BuildFace(face, core, metrics));
  }
  POSTERN_RETURN_IF_ERROR(front->BuildServices(core));
  POSTERN_RETURN_IF_ERROR(front->Listen(core));
  return front;
}

Front::~Front() {
  ShutdownShop(absl::InfinitePast());
  ShutdownOthers(absl::InfinitePast());
}

const config::Listener& Front::ConfigOf(Face face) const {
  return face == kShop ? config_.shop() : face == kPartners ? config_.partners() : config_.operators();
}

absl::Status Front::BuildResolver(Core& core) {
  identity::PrincipalResolver::Options options;
  options.storefronts = StorefrontsOf(config_);
  options.people = PeopleOf(config_);
  POSTERN_ASSIGN_OR_RETURN(options.shop, LoadTrust(config_.shop().client_trust_bundle()));
  POSTERN_ASSIGN_OR_RETURN(options.operators, LoadTrust(config_.operators().client_trust_bundle()));
  options.snapshots = &core.snapshots;
  resolver_ = std::make_unique<identity::PrincipalResolver>(std::move(options));
  return absl::OkStatus();
}

absl::Status Front::BuildFace(Face face, Core& core, Metrics* metrics) {
  const config::KeyPair& files = ConfigOf(face).key_pair();
  POSTERN_ASSIGN_OR_RETURN(const identity::KeyPair pair,
                           identity::LoadKeyPair(files.certificate_chain(), files.private_key(), clock_()));
  FaceParts& parts = faces_[face];
  POSTERN_ASSIGN_OR_RETURN(parts.identity, rpc::ServerIdentity::Create(pair));
  parts.pool = std::make_unique<rpc::WorkPool>(kPoolThreads[face], kPoolQueue);

  rpc::CallGate::Parts gate;
  gate.listener = kListeners[face];
  gate.resolver = resolver_.get();
  gate.refusals = core.refusals.get();
  gate.store = core.store.get();
  gate.observer = metrics;
  parts.own_connections = face == kPartners ? nullptr : std::make_unique<rpc::ConnectionTable>(kConnections[face]);
  parts.connections = face == kPartners ? &core.connections : parts.own_connections.get();
  gate.connections = parts.connections;
  gate.pool = parts.pool.get();
  gate.clock = clock_;
  if (face == kPartners) {
    gate.on_partner = [sightings = &core.sightings](absl::string_view partner, absl::string_view certificate,
                                                    absl::string_view peer) {
      sightings->Saw(partner, certificate, peer);
    };
  }
  rpc::CallGate::Limits limits;
  limits.in_flight = {config_.limits().calls_per_connection(), config_.limits().calls_per_principal()};
  limits.partner_calls_per_second = config_.limits().partner_calls_per_second();
  parts.gate = std::make_unique<rpc::CallGate>(gate, limits);
  return absl::OkStatus();
}

absl::Status Front::LoadEnrolmentCa() {
  const config::KeyPair& files = config_.enrolment_ca();
  POSTERN_ASSIGN_OR_RETURN(const identity::KeyPair pair,
                           identity::LoadKeyPair(files.certificate_chain(), files.private_key(), clock_()));
  POSTERN_ASSIGN_OR_RETURN(std::shared_ptr<const identity::EnrolmentCa> loaded, identity::EnrolmentCa::Create(pair));
  absl::MutexLock lock(&enrolment_mutex_);
  enrolment_ = std::move(loaded);
  return absl::OkStatus();
}

absl::Status Front::BuildServices(Core& core) {
  rpc::StorefrontService::Parts shop;
  shop.gate = faces_[kShop].gate.get();
  shop.discloser = core.discloser.get();
  shop.reader = core.reader.get();
  shop.exchanger = core.exchanger.get();
  shop.outcomes = core.outcomes.get();
  shop.stream_disclosures_in_flight = config_.limits().stream_disclosures_in_flight();
  storefront_ = std::make_unique<rpc::StorefrontService>(shop);

  rpc::PartnerService::Parts partners;
  partners.gate = faces_[kPartners].gate.get();
  partners.hub = core.hub.get();
  partners.results = core.results.get();
  partners.control = &core.control;
  partners.notices = core.notices.get();
  partners.attestations = core.attestations.get();
  partner_ = std::make_unique<rpc::PartnerService>(partners);

  rpc::OperatorService::Parts operators;
  operators.gate = faces_[kOperators].gate.get();
  if (config_.has_enrolment_ca()) {
    POSTERN_RETURN_IF_ERROR(LoadEnrolmentCa());
    operators.enrolment = [this] {
      absl::MutexLock lock(&enrolment_mutex_);
      return enrolment_;
    };
  }
  operators.partners = core.partners.get();
  operators.bundles = core.bundles.get();
  operators.events = &core.events;
  operators.suspender = core.suspender.get();
  operators.terminator = core.terminator.get();
  operators.batch_revoker = core.batch_revoker.get();
  operators.endpoints = core.endpoints.get();
  operators.notices = core.notices.get();
  operators.attestations = core.attestations.get();
  operators.dead_letters = core.dead_letters.get();
  operator_ = std::make_unique<rpc::OperatorService>(operators);

  rpc::AuditService::Parts audit;
  audit.gate = faces_[kOperators].gate.get();
  audit.store = core.store.get();
  audit.verifier_key = core.signer->VerifierKey();
  audit_ = std::make_unique<rpc::AuditService>(audit);

  rpc::SubjectRightsService::Parts rights;
  rights.gate = faces_[kShop].gate.get();
  rights.subjects = core.subjects.get();
  rights.requests = core.requests.get();
  rights.eraser = core.eraser.get();
  rights.reports = core.reports.get();
  rights.rectifier = core.rectifier.get();
  shop_rights_ = std::make_unique<rpc::SubjectRightsService>(rights);
  rights.gate = faces_[kOperators].gate.get();
  operator_rights_ = std::make_unique<rpc::SubjectRightsService>(rights);
  retention_ = std::make_unique<rpc::RetentionService>(faces_[kOperators].gate.get(), core.retention.get());
  shop_statistics_ = std::make_unique<rpc::StatisticsService>(faces_[kShop].gate.get(), core.statistics.get());
  operator_statistics_ = std::make_unique<rpc::StatisticsService>(faces_[kOperators].gate.get(), core.statistics.get());
  supervision_ = std::make_unique<rpc::SupervisionService>(faces_[kOperators].gate.get(), core.supervisor.get(),
                                                           core.canaries.get());
  shop_investigations_ = std::make_unique<rpc::InvestigationService>(faces_[kShop].gate.get(),
                                                                     core.investigations.get(), core.evidence.get());
  operator_investigations_ = std::make_unique<rpc::InvestigationService>(
      faces_[kOperators].gate.get(), core.investigations.get(), core.evidence.get());

  rpc::MaintenanceService::Parts maintenance;
  maintenance.gate = faces_[kOperators].gate.get();
  maintenance.run_self_check = [check = core.self_check.get()](absl::string_view principal,
                                                               const v1::RunSelfCheckRequest& request) {
    return check->Run(principal, request);
  };
  maintenance.list_key_generations = [rotation = core.rotation.get()] { return rotation->List(); };
  maintenance.rotate_keys = [rotation = core.rotation.get()](absl::string_view principal,
                                                             const v1::RotateKeysRequest& request) {
    return rotation->Rotate(principal, request);
  };
  maintenance.start_backup = [backups = core.backups.get()](absl::string_view principal,
                                                            const v1::StartBackupRequest& request) {
    return backups->Begin(principal, request);
  };
  maintenance.get_backup = [backups = core.backups.get()] { return backups->Get(); };
  maintenance_ = std::make_unique<rpc::MaintenanceService>(std::move(maintenance));
  return absl::OkStatus();
}

absl::Status Front::Listen(Core& core) {
  quota_ = std::make_unique<grpc::ResourceQuota>("posternd");
  quota_->Resize(kTransportBytes);
  // Operators first: whoever has to stop something must not wait for the others.
  for (const Face face : {kOperators, kPartners, kShop}) {
    rpc::Listener::Options options;
    options.kind = kListeners[face];
    options.address = ConfigOf(face).address();
    if (face == kShop) {
      options.services = {{v1::StorefrontService::service_full_name(), storefront_.get()},
                          {v1::SubjectRightsService::service_full_name(), shop_rights_.get()},
                          {v1::InvestigationService::service_full_name(), shop_investigations_.get()},
                          {v1::StatisticsService::service_full_name(), shop_statistics_.get()}};
    }
    if (face == kPartners) options.services = {{v1::PartnerService::service_full_name(), partner_.get()}};
    if (face == kOperators) {
      options.services = {{v1::OperatorService::service_full_name(), operator_.get()},
                          {v1::AuditService::service_full_name(), audit_.get()},
                          {v1::SubjectRightsService::service_full_name(), operator_rights_.get()},
                          {v1::RetentionService::service_full_name(), retention_.get()},
                          {v1::InvestigationService::service_full_name(), operator_investigations_.get()},
                          {v1::StatisticsService::service_full_name(), operator_statistics_.get()},
                          {v1::SupervisionService::service_full_name(), supervision_.get()},
                          {v1::MaintenanceService::service_full_name(), maintenance_.get()}};
    }
    options.gate = faces_[face].gate.get();
    options.quota = quota_.get();
    options.server_identity = faces_[face].identity.get();
    options.resolver = resolver_.get();
    options.clock = clock_;
    options.connections = faces_[face].connections;
    options.max_connections = static_cast<size_t>(config_.limits().connections_per_listener());
    options.reflection = face == kOperators;
    POSTERN_ASSIGN_OR_RETURN(faces_[face].listener, rpc::Listener::Start(options));
    serving_->Subscribe([listener = faces_[face].listener.get()](bool serving) { listener->SetServing(serving); });
  }
  return absl::OkStatus();
}

void Front::WatchCertificates(CertificateReloader* reloader) {
  if (config_.has_enrolment_ca()) {
    const config::KeyPair& pair = config_.enrolment_ca();
    reloader->Watch(
        {"enrolment_ca", {pair.certificate_chain(), pair.private_key()}, [this] { return LoadEnrolmentCa(); }});
  }
  for (const Face face : {kShop, kPartners, kOperators}) {
    const config::Listener& listener = ConfigOf(face);
    const config::KeyPair& pair = listener.key_pair();
    reloader->Watch({std::string(kNames[face]) + ".key_pair",
                     {pair.certificate_chain(), pair.private_key()},
                     [this, face, &pair]() -> absl::Status {
                       POSTERN_ASSIGN_OR_RETURN(
                           const identity::KeyPair loaded,
                           identity::LoadKeyPair(pair.certificate_chain(), pair.private_key(), clock_()));
                       return faces_[face].identity->Replace(loaded);
                     }});
    if (face == kPartners) continue;
    reloader->Watch({std::string(kNames[face]) + ".client_trust_bundle",
                     {listener.client_trust_bundle()},
                     [this, face, &listener]() -> absl::Status {
                       POSTERN_ASSIGN_OR_RETURN(auto trust, LoadTrust(listener.client_trust_bundle()));
                       resolver_->SetTrust(kListeners[face], std::move(trust));
                       return absl::OkStatus();
                     }});
  }
}

void Front::ShutdownShop(absl::Time deadline) {
  serving_->Unsubscribe();
  if (faces_[kShop].listener != nullptr) faces_[kShop].listener->Shutdown(deadline);
}

void Front::ShutdownOthers(absl::Time deadline) {
  for (const Face face : {kPartners, kOperators}) {
    if (faces_[face].listener != nullptr) faces_[face].listener->Shutdown(deadline);
  }
}

}  // namespace postern::gateway
