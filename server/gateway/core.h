// The gateway behind its listeners: stores, snapshot, the main path, delivery, revocation. Built in the order of the
// members and taken down in the reverse; each part borrows the ones above it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/log.h"
#include "server/crypto/key_store.h"
#include "server/crypto/signature.h"
#include "server/crypto/signed_note.h"
#include "server/delivery/channel/address_resolver.h"
#include "server/delivery/channel/grpc_partner_caller.h"
#include "server/delivery/channel/grpc_push.h"
#include "server/delivery/channel/http_poster.h"
#include "server/delivery/channel/webhook.h"
#include "server/delivery/dead_letters.h"
#include "server/delivery/delivery_hub.h"
#include "server/delivery/exchange.h"
#include "server/delivery/outbound_delivery.h"
#include "server/delivery/outcomes.h"
#include "server/delivery/submit_result.h"
#include "server/disclosure/committer.h"
#include "server/disclosure/discloser.h"
#include "server/disclosure/reader.h"
#include "server/disclosure/refusal_recorder.h"
#include "server/gateway/backups.h"
#include "server/gateway/checkpoint_publisher.h"
#include "server/gateway/config.h"
#include "server/gateway/finding_response.h"
#include "server/gateway/key_rotation.h"
#include "server/gateway/metrics.h"
#include "server/gateway/self_check.h"
#include "server/gateway/serving_state.h"
#include "server/registry/bundle_registry.h"
#include "server/registry/control_plane.h"
#include "server/registry/endpoint_registry.h"
#include "server/registry/grant_archive.h"
#include "server/registry/partner_registry.h"
#include "server/registry/snapshot.h"
#include "server/registry/snapshot_builder.h"
#include "server/registry/subject_standings.h"
#include "server/retention/clock_guard.h"
#include "server/retention/executor.h"
#include "server/revocation/attestation.h"
#include "server/revocation/batch_revoker.h"
#include "server/revocation/campaign_runner.h"
#include "server/revocation/contract_clock.h"
#include "server/revocation/notice_reader.h"
#include "server/revocation/suspender.h"
#include "server/revocation/terminator.h"
#include "server/rights/access_report.h"
#include "server/rights/erasure.h"
#include "server/rights/evidence.h"
#include "server/rights/investigation_desk.h"
#include "server/rights/plane.h"
#include "server/rights/rectifier.h"
#include "server/rights/request_desk.h"
#include "server/rights/rights_clock.h"
#include "server/rights/subject_desk.h"
#include "server/rights/subject_ledger.h"
#include "server/rpc/connection_table.h"
#include "server/statistics/counter.h"
#include "server/statistics/query.h"
#include "server/storage/store.h"
#include "server/supervision/canary_desk.h"
#include "server/supervision/sightings.h"
#include "server/supervision/supervisor.h"

namespace postern::gateway {

using Clock = std::function<absl::Time()>;

struct Core {
  // What everything rests on.
  std::unique_ptr<crypto::KeyStore> keys;
  std::unique_ptr<storage::Store> store;
  std::string origin;  // of the audit log
  std::optional<crypto::NoteSigner> signer;
  std::optional<crypto::PrivateKey> notice_key;
  std::unique_ptr<CheckpointPublisher> checkpoints;
  std::unique_ptr<KeyRotation> rotation;
  std::unique_ptr<Backups> backups;
  std::unique_ptr<SelfCheck> self_check;

  // What holds now.
  registry::SnapshotHolder snapshots;
  std::unique_ptr<registry::SnapshotBuilder> builder;
  std::unique_ptr<registry::GrantArchive> archive;
  registry::SubjectStandings standings;
  registry::EventFeed events;
  registry::EventFeed::Subscription event_log;
  rpc::ConnectionTable connections;

  // The main path, from its end to its beginning.
  std::unique_ptr<FindingResponse> findings;
  std::unique_ptr<disclosure::RefusalRecorder> refusals;
  std::unique_ptr<delivery::OutcomeFeed> outcomes;
  std::unique_ptr<delivery::DeliveryHub> hub;
  std::unique_ptr<disclosure::Committer> committer;
  std::unique_ptr<disclosure::Discloser> discloser;
  std::unique_ptr<disclosure::Reader> reader;
  std::unique_ptr<delivery::GrpcPartnerCaller> caller;  // null without a client certificate, as the next two
  std::unique_ptr<delivery::Exchanger> exchanger;
  std::unique_ptr<delivery::GrpcPartnerCaller> push_caller;
  delivery::AddressResolver resolver;
  std::unique_ptr<delivery::GrpcPush> push;  // likewise
  std::unique_ptr<delivery::HttpPoster> poster;
  std::unique_ptr<delivery::Webhook> webhook;
  std::unique_ptr<delivery::ResultReceiver> results;
  std::unique_ptr<delivery::DeadLetters> dead_letters;

  // Operators' work.
  registry::ControlPlane control;
  std::unique_ptr<registry::PartnerRegistry> partners;
  std::unique_ptr<registry::BundleRegistry> bundles;
  std::unique_ptr<revocation::CampaignRunner> campaigns;
  std::unique_ptr<revocation::Suspender> suspender;
  std::unique_ptr<revocation::Terminator> terminator;
  std::unique_ptr<revocation::NoticeReader> notices;
  std::unique_ptr<revocation::AttestationDesk> attestations;
  std::unique_ptr<revocation::ContractClock> contract_clock;
  std::unique_ptr<revocation::BatchRevoker> batch_revoker;
  std::unique_ptr<registry::EndpointRegistry> endpoints;
  std::unique_ptr<delivery::OutboundDelivery> outbound;

  // People's rights.
  rights::RightsPlane rights_plane;
  std::unique_ptr<rights::SubjectLedger> subject_ledger;
  std::unique_ptr<rights::SubjectDesk> subjects;
  std::unique_ptr<rights::Eraser> eraser;
  std::unique_ptr<rights::RequestDesk> requests;
  std::unique_ptr<rights::AccessReporter> reports;
  std::unique_ptr<rights::Rectifier> rectifier;
  std::unique_ptr<rights::InvestigationDesk> investigations;
  std::unique_ptr<rights::EvidenceReader> evidence;
  std::unique_ptr<rights::RightsClock> rights_clock;
  std::unique_ptr<retention::ClockGuard> retention_guard;
  std::unique_ptr<retention::Executor> retention;
  std::unique_ptr<statistics::Counter> statistics_counter;
  std::unique_ptr<statistics::Statistics> statistics;
  supervision::Sightings sightings;
  std::unique_ptr<supervision::Supervisor> supervisor;
  std::unique_ptr<supervision::CanaryDesk> canaries;
};

// Opens the stores, checks the ledger against the last checkpoint, rebuilds the snapshot, takes up what a crash
// interrupted and ends what has ended by the calendar. Nothing is served yet. All that is passed outlives the core:
// `serving` is told when the ledger fails and recovers, and what happens to partners, contracts and campaigns, and to
// the ledger, is written to `log`. Errors are those of the parts.
absl::StatusOr<std::unique_ptr<Core>> OpenCore(const config::Config& config, const Clock& clock,
                                               const base::Logger* log, ServingState* serving, Metrics* metrics);

// Starts the background work: notices, the contract clock, checkpoints, keys, the daily check.
void StartCore(Core& core);

// Ends it: commits what was taken, settles what was acknowledged. After the shop's listener is down and before the
// partners' is: hub->Drain ends the partners' streams.
void DrainCore(Core& core);

// The last entries of this run and the checkpoint over everything. After the last listener is down.
void CloseLog(Core& core, const Clock& clock);

// An entry of the gateway's own life in the audit log: "started", "stopped".
absl::Status RecordLifecycle(Core& core, const Clock& clock, absl::string_view what);

// The PEM of a client certificate, as the partners' caller takes it.
absl::StatusOr<delivery::ClientCertificate> LoadClientCertificate(const config::KeyPair& pair, absl::Time now);

}  // namespace postern::gateway
