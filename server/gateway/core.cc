#include "server/gateway/core.h"

#include <unistd.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/errors/error.h"
#include "server/base/log.h"
#include "server/delivery/abandoned_exchanges.h"
#include "server/gateway/event_log.h"
#include "server/gateway/key_agreement.h"
#include "server/gateway/open_ledger.h"
#include "server/gateway/recovery.h"
#include "server/identity/key_pair.h"
#include "server/registry/audit_entry.h"
#include "server/storage/sqlite/backup.h"

namespace postern::gateway {
namespace {

absl::Status OpenKeys(const config::Config& config, Core& core) {
  POSTERN_ASSIGN_OR_RETURN(const storage::TreeHead head, core.store->ReadTreeHead());
  crypto::KeyStoreOptions keys;
  keys.path = absl::StrCat(config.data_dir(), "/keystore.db");
  keys.root_keyset_path = config.keys().root_keyset();
  keys.minors_root_keyset_path = config.keys().minors_root_keyset();
  keys.tombstone_log_path = config.keys().tombstone_log();
  // An empty one beside a ledger that is not would hide that the keys of everything in it are lost.
  keys.create_if_missing = head.size == 0;
  keys.ledger = std::string(core.store->instance().AsBytes());
  absl::StatusOr<std::unique_ptr<crypto::KeyStore>> opened = crypto::KeyStore::Open(keys);
  if (absl::IsNotFound(opened.status()) && head.size > 0 && access(keys.path.c_str(), F_OK) != 0) {
    return absl::DataLossError(absl::StrCat(keys.path, " is missing, and the ledger has ", head.size,
                                            " entries: restore the key store, it is never made anew beside them"));
  }
  POSTERN_ASSIGN_OR_RETURN(core.keys, std::move(opened));
  return absl::OkStatus();
}

absl::Status OpenStores(const config::Config& config, const Clock& clock, const base::Logger* log, Metrics* metrics,
                        Core& core) {
  if (access(absl::StrCat(config.data_dir(), "/", kRecoveryFile).c_str(), F_OK) == 0) {
    return absl::FailedPreconditionError("a recovery of the ledger was begun and not ended: run --recover again");
  }
  POSTERN_ASSIGN_OR_RETURN(core.store,
                           OpenLedger(config, clock, [metrics](absl::Duration time) { metrics->OnLedgerSync(time); }));

  core.origin = absl::StrCat(config.audit_origin(), "/", core.store->instance().ToString());
  POSTERN_ASSIGN_OR_RETURN(crypto::PrivateKey audit_key,
                           crypto::PrivateKey::LoadFile(config.keys().audit_signing_key()));
  POSTERN_ASSIGN_OR_RETURN(core.signer, crypto::NoteSigner::Create(core.origin, std::move(audit_key)));
  POSTERN_ASSIGN_OR_RETURN(core.notice_key, crypto::PrivateKey::LoadFile(config.keys().notice_signing_key()));

  CheckpointPublisher::Options checkpoints;
  checkpoints.file = absl::StrCat(config.data_dir(), "/checkpoint");
  const auto& former = config.keys().former_audit_verifier_keys();
  checkpoints.former_verifier_keys.assign(former.begin(), former.end());
  checkpoints.on_change = [log](const absl::Status& status) {
    if (status.ok()) return log->Info("checkpoint.recovered");
    log->Error("checkpoint.failing", {{"error", base::ErrorText(status)}});
  };
  core.checkpoints = std::make_unique<CheckpointPublisher>(core.store.get(), &*core.signer, checkpoints);
  POSTERN_RETURN_IF_ERROR(core.checkpoints->VerifyLedger());
  POSTERN_RETURN_IF_ERROR(OpenKeys(config, core));
  POSTERN_RETURN_IF_ERROR(CheckKeyAgreement(*core.store, *core.keys));
  if (core.keys->shredded_again() == 0) return absl::OkStatus();
  log->Warning("keys.shredded_again", {{"keys", static_cast<int64_t>(core.keys->shredded_again())}});
  return RecordLifecycle(core, clock, "key_store_brought_up_to_date");
}

absl::Status BuildMainPath(const config::Config& config, const Clock& clock, const base::Logger* log,
                           ServingState* serving, Metrics* metrics, Core& core) {
  storage::Store* store = core.store.get();
  crypto::KeyStore* keys = core.keys.get();

  disclosure::RefusalRecorderOptions refusals;
  refusals.clock = clock;
  core.refusals = std::make_unique<disclosure::RefusalRecorder>(store, refusals);
  core.outcomes = std::make_unique<delivery::OutcomeFeed>(&core.snapshots, store, keys);
  const auto notify = [outcomes = core.outcomes.get()] { outcomes->Notify(); };

  delivery::DeliveryHubOptions hub;
  hub.queue.max_window_bytes = config.limits().delivery_bytes_per_partner();
  hub.clock = clock;
  hub.on_outcomes = notify;
  hub.on_stopped = [&core](absl::string_view partner) {
    if (core.caller != nullptr) core.caller->Forget(std::string(partner));
    if (core.outbound != nullptr) core.outbound->StopPartner(partner);
  };
  core.hub = std::make_unique<delivery::DeliveryHub>(&core.snapshots, store, keys, hub);

  disclosure::CommitterOptions committer;
  committer.max_queued_entries = static_cast<size_t>(config.limits().commit_queue());
  committer.clock = clock;
  committer.on_serving = [serving, log](bool ledger) {
    serving->SetLedger(ledger);
    ledger ? log->Info("ledger.recovered") : log->Error("ledger.failing");
  };
  committer.on_group = [metrics](size_t entries, absl::Duration time) { metrics->OnCommitGroup(entries, time); };
  core.committer = std::make_unique<disclosure::Committer>(store, keys, core.hub.get(), committer);

  disclosure::DiscloserOptions discloser;
  discloser.log_origin = core.origin;
  discloser.clock = clock;
  discloser.compare_one_in = static_cast<uint32_t>(config.limits().compare_one_in());
  for (const config::Statistics::Measure& measure : config.statistics().measures()) {
    discloser.measures.push_back({measure.name(), measure.record_type(), measure.path(), measure.unit_path()});
  }
  discloser.on_finding = [findings = core.findings.get()](const std::string& partner, const std::string& path) {
    findings->Stop(partner, path);
  };
  core.discloser = std::make_unique<disclosure::Discloser>(&core.snapshots, &core.standings, store, keys,
                                                           core.committer.get(), core.refusals.get(), discloser);
  core.archive = std::make_unique<registry::GrantArchive>(store);
  core.reader =
      std::make_unique<disclosure::Reader>(&core.snapshots, core.archive.get(), store, keys, core.origin, clock);
  const delivery::OnInboundFinding on_inbound_finding = [findings = core.findings.get()](const std::string& partner,
                                                                                         const std::string& path) {
    findings->Report(partner, path);
  };
  const delivery::ResultLimits results{
      config.limits().partner_results_per_second(), config.limits().partner_results_per_day(),
      config.limits().partner_result_bytes_per_day(), config.limits().results_per_disclosure()};
  core.results = std::make_unique<delivery::ResultReceiver>(&core.snapshots, store, keys, clock, notify,
                                                            on_inbound_finding, results);
  core.dead_letters = std::make_unique<delivery::DeadLetters>(&core.snapshots, core.archive.get(), store,
                                                              core.hub.get(), core.origin, clock);

  delivery::ClientCertificate certificate;  // a webhook does without one
  if (config.has_client_certificate()) {
    POSTERN_ASSIGN_OR_RETURN(certificate, LoadClientCertificate(config.client_certificate(), clock()));
    core.caller = std::make_unique<delivery::GrpcPartnerCaller>(certificate, delivery::GrpcPartnerCallerOptions());
    delivery::GrpcPartnerCallerOptions push;
    push.max_request_bytes = delivery::kMaxPushRequestBytes;
    core.push_caller = std::make_unique<delivery::GrpcPartnerCaller>(certificate, push);
    core.push = std::make_unique<delivery::GrpcPush>(core.push_caller.get(), &core.resolver);
    core.exchanger = std::make_unique<delivery::Exchanger>(core.discloser.get(), core.caller.get(), core.hub->settler(),
                                                           core.hub->calls(), clock, on_inbound_finding);
  }
  core.poster = std::make_unique<delivery::HttpPoster>(std::move(certificate));
  core.webhook = std::make_unique<delivery::Webhook>(core.poster.get(), &core.resolver, &core.snapshots, clock);
  return absl::OkStatus();
}

void BuildUpkeep(const config::Config& config, const Clock& clock, const base::Logger* log, const ServingState* serving,
                 Core& core) {
  KeyRotation::Options rotation;
  rotation.clock = clock;
  rotation.root_keyset_path = config.keys().root_keyset();
  rotation.minors_root_keyset_path = config.keys().minors_root_keyset();
  core.rotation = std::make_unique<KeyRotation>(core.keys.get(), core.store.get(), log, rotation);
  Backups::Parts backups;
  backups.directory = config.backup_dir();
  backups.origin = core.origin;
  if (config.store().postgres().empty()) {
    backups.copy_ledger = [folder = absl::StrCat(config.data_dir(), "/ledger")](const std::string& target,
                                                                                const Backups::Progress& progress) {
      return storage::BackUpLedger(folder, target, progress);
    };
  }
  backups.keys = core.keys.get();
  backups.store = core.store.get();
  backups.log = log;
  backups.clock = clock;
  backups.healthy = [serving] { return serving->ledger(); };
  core.backups = std::make_unique<Backups>(std::move(backups));
  SelfCheck::Parts parts;
  parts.config = &config;
  parts.store = core.store.get();
  parts.keys = core.keys.get();
  parts.checkpoints = core.checkpoints.get();
  parts.rotation = core.rotation.get();
  parts.standings = &core.standings;
  parts.log = log;
  parts.clock = clock;
  core.self_check = std::make_unique<SelfCheck>(parts);
}

void BuildOperatorsWork(const Clock& clock, Core& core) {
  core.control.store = core.store.get();
  core.control.keys = core.keys.get();
  core.control.snapshots = core.builder.get();
  core.control.events = &core.events;
  core.control.cutter = core.hub.get();
  core.control.connections = &core.connections;
  core.control.clock = clock;
  registry::ControlPlane* control = &core.control;

  core.partners = std::make_unique<registry::PartnerRegistry>(control);
  core.bundles = std::make_unique<registry::BundleRegistry>(control);
  revocation::CampaignOptions campaigns;
  campaigns.origin = core.origin;
  campaigns.notice_key = &*core.notice_key;
  core.campaigns = std::make_unique<revocation::CampaignRunner>(control, campaigns);
  core.suspender = std::make_unique<revocation::Suspender>(control);
  core.terminator = std::make_unique<revocation::Terminator>(control, core.campaigns.get());
  core.notices = std::make_unique<revocation::NoticeReader>(control);
  core.attestations = std::make_unique<revocation::AttestationDesk>(control);
  core.contract_clock = std::make_unique<revocation::ContractClock>(control, core.suspender.get(),
                                                                    core.terminator.get(), core.campaigns.get());
  core.batch_revoker = std::make_unique<revocation::BatchRevoker>(control, core.suspender.get(), core.terminator.get());
  core.endpoints = std::make_unique<registry::EndpointRegistry>(control);
  delivery::OutboundDelivery::Parts outbound;
  outbound.snapshots = &core.snapshots;
  outbound.endpoints = core.endpoints.get();
  outbound.hub = core.hub.get();
  outbound.push = core.push.get();
  outbound.webhook = core.webhook.get();
  delivery::OutboundOptions options;
  options.clock = clock;
  core.outbound = std::make_unique<delivery::OutboundDelivery>(outbound, options);
}

void BuildRights(const config::Config& config, const Clock& clock, Core& core) {
  rights::RightsPlane& plane = core.rights_plane;
  plane.store = core.store.get();
  plane.keys = core.keys.get();
  plane.snapshots = &core.snapshots;
  plane.standings = &core.standings;
  plane.control = &core.control;
  plane.committer = core.committer.get();
  plane.hub = core.hub.get();
  plane.campaigns = core.campaigns->options();
  plane.clock = clock;
  core.subject_ledger = std::make_unique<rights::SubjectLedger>(&plane);
  core.subjects = std::make_unique<rights::SubjectDesk>(&plane, core.subject_ledger.get());
  core.eraser = std::make_unique<rights::Eraser>(&plane, core.subject_ledger.get());
  core.requests = std::make_unique<rights::RequestDesk>(&plane, core.subject_ledger.get(), core.eraser.get());
  core.reports =
      std::make_unique<rights::AccessReporter>(&plane, core.subject_ledger.get(), core.signer->VerifierKey());
  core.rectifier = std::make_unique<rights::Rectifier>(&plane, core.discloser.get());
  core.investigations =
      std::make_unique<rights::InvestigationDesk>(&plane, core.subject_ledger.get(), core.suspender.get());
  core.evidence =
      std::make_unique<rights::EvidenceReader>(&plane, core.investigations.get(), core.signer->VerifierKey());
  core.rights_clock = std::make_unique<rights::RightsClock>(core.requests.get(), core.investigations.get());
  core.retention_guard = std::make_unique<retention::ClockGuard>(
      clock, retention::TimeSinceBoot, absl::Seconds(config.limits().retention_settle_seconds()));
  core.retention = std::make_unique<retention::Executor>(&plane, core.retention_guard.get());
  statistics::CounterOptions counter;
  counter.clock = clock;
  core.statistics_counter = std::make_unique<statistics::Counter>(core.store.get(), &core.snapshots, counter);
  core.statistics = std::make_unique<statistics::Statistics>(core.store.get(), config.statistics().min_group_size());
  supervision::SupervisorOptions supervisor;
  supervisor.deliveries = [hub = core.hub.get()](const std::string& partner) {
    supervision::SupervisorOptions::Deliveries deliveries;
    for (const auto& stats : hub->Stats()) {
      if (stats.partner == partner) deliveries = {stats.counters.delivered, stats.counters.redelivered};
    }
    return deliveries;
  };
  core.supervisor = std::make_unique<supervision::Supervisor>(&core.control, core.suspender.get(),
                                                              core.terminator.get(), &core.sightings, supervisor);
  core.canaries = std::make_unique<supervision::CanaryDesk>(&plane, core.subject_ledger.get(), core.supervisor.get());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Core>> OpenCore(const config::Config& config, const Clock& clock,
                                               const base::Logger* log, ServingState* serving, Metrics* metrics) {
  auto core = std::make_unique<Core>();
  // First: what a start ends by the calendar is in the log too.
  core->event_log = core->events.Subscribe([log](const v1::WatchEventsResponse& event) { LogEvent(*log, event); });
  // The suspender is built after the main path, and there before anything is served.
  core->findings = std::make_unique<FindingResponse>(
      [core = core.get()](const std::string& partner) {
        return core->suspender->SuspendFor(partner, kVerifierFinding).status();
      },
      log);
  POSTERN_RETURN_IF_ERROR(OpenStores(config, clock, log, metrics, *core));
  core->builder =
      std::make_unique<registry::SnapshotBuilder>(core->store.get(), core->keys.get(), &core->snapshots, clock);
  POSTERN_RETURN_IF_ERROR(core->builder->Rebuild());
  POSTERN_RETURN_IF_ERROR(core->standings.Load(*core->store));
  POSTERN_RETURN_IF_ERROR(delivery::SettleAbandonedExchanges(*core->store, clock()));
  POSTERN_RETURN_IF_ERROR(BuildMainPath(config, clock, log, serving, metrics, *core));
  BuildOperatorsWork(clock, *core);
  BuildUpkeep(config, clock, log, serving, *core);
  POSTERN_RETURN_IF_ERROR(core->terminator->ResumeTerminations());
  // Before anything listens: what ended while the gateway was down is never served.
  POSTERN_RETURN_IF_ERROR(core->contract_clock->RunOnce());
  BuildRights(config, clock, *core);
  // Likewise: what a person closed before a crash is handed to no partner.
  POSTERN_RETURN_IF_ERROR(core->subjects->Resume());
  POSTERN_RETURN_IF_ERROR(core->requests->RunOnce());
  POSTERN_RETURN_IF_ERROR(core->investigations->RunOnce());
  POSTERN_RETURN_IF_ERROR(core->sightings.Load(*core->store));
  return core;
}

void StartCore(Core& core) {
  core.campaigns->Start();
  core.contract_clock->Start();
  core.outbound->Start();
  core.rights_clock->Start();
  core.retention->Start();
  core.supervisor->Start();
  core.statistics_counter->Start();
  core.checkpoints->Start();
  core.rotation->Start();
  core.self_check->Start();
}

void DrainCore(Core& core) {
  core.backups->Cancel();
  core.self_check->Stop();
  core.rotation->Stop();
  core.statistics_counter->Stop();
  core.supervisor->Stop();
  core.retention->Stop();
  core.rights_clock->Stop();
  core.contract_clock->Stop();
  core.campaigns->Stop();
  core.committer->Drain();
  core.outbound->Stop();
  core.hub->Drain();
  core.backups->Stop();
}

void CloseLog(Core& core, const Clock& clock) {
  // What the log misses of a shutdown, the next start shows.
  core.refusals->Flush().IgnoreError();
  RecordLifecycle(core, clock, "stopped").IgnoreError();
  core.checkpoints->Stop();
}

absl::Status RecordLifecycle(Core& core, const Clock& clock, absl::string_view what) {
  std::vector<std::string> leaves;
  const registry::Act act{clock(), registry::kGatewayPrincipal, ""};
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&leaves, v1::AuditEntry::KIND_LIFECYCLE, act, what));
  return core.store->AppendAudit(leaves).status();
}

absl::StatusOr<delivery::ClientCertificate> LoadClientCertificate(const config::KeyPair& pair, absl::Time now) {
  POSTERN_ASSIGN_OR_RETURN(const identity::KeyPair loaded,
                           identity::LoadKeyPair(pair.certificate_chain(), pair.private_key(), now));
  delivery::ClientCertificate certificate;
  certificate.certificate_chain_pem = loaded.chain_pem;
  certificate.private_key_pem = std::string(loaded.private_key_pem.Reveal(crypto::SecretAccess::Granted()));
  return certificate;
}

}  // namespace postern::gateway
