#include "server/gateway/metrics_sampler.h"

#include <sys/stat.h>

#include <map>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "policy/language/compiler.h"
#include "server/registry/times.h"

namespace postern::gateway {
namespace {

using Sample = Metrics::Sample;

double Days(absl::Duration duration) {
  return absl::ToDoubleHours(duration) / 24;
}

std::string PartnerId(absl::string_view name) {
  absl::ConsumePrefix(&name, "partners/");
  return std::string(name);
}

void SampleCertificatesAndKeys(const config::Config& config, const Front& front, absl::Time now, Metrics* metrics) {
  const std::pair<const char*, Front::Face> faces[] = {
      {"shop", Front::kShop}, {"partners", Front::kPartners}, {"operators", Front::kOperators}};
  for (const auto& [name, face] : faces) metrics->SetCertificateDays(name, Days(front.certificate_end(face) - now));
  const std::pair<const char*, const std::string&> keys[] = {
      {"root", config.keys().root_keyset()},
      {"minors_root", config.keys().minors_root_keyset()},
      {"notice_signing", config.keys().notice_signing_key()},
      {"audit_signing", config.keys().audit_signing_key()},
  };
  for (const auto& [name, path] : keys) {
    struct stat info {};
    if (stat(path.c_str(), &info) == 0) metrics->SetKeyAgeDays(name, Days(now - absl::FromTimeT(info.st_mtime)));
  }
}

void SampleDelivery(Core& core, Metrics* metrics) {
  std::map<std::string, Metrics::Delivery> partners;
  for (const auto& stats : core.hub->Stats()) {
    Metrics::Delivery& delivery = partners[stats.partner];
    delivery.streams = stats.live_streams;
    delivery.in_flight = static_cast<double>(stats.counters.in_flight);
    delivery.window_records = static_cast<double>(stats.counters.window_records);
    delivery.window_bytes = static_cast<double>(stats.counters.window_bytes);
    delivery.delivered_total = static_cast<double>(stats.counters.delivered);
    delivery.redelivered_total = static_cast<double>(stats.counters.redelivered);
    delivery.acknowledged_total = static_cast<double>(stats.counters.acknowledged);
  }
  const auto snapshot = core.snapshots.Get();
  for (const auto& [name, view] : snapshot->partners) {
    Metrics::Delivery& delivery = partners[name];
    const auto counts = core.store->CountBacklog(view->id);
    if (!counts.ok()) continue;
    delivery.possibly_held = static_cast<double>(counts->possibly_held);
    delivery.backlog = static_cast<double>(counts->undelivered);
  }
  for (const auto& [name, delivery] : partners) metrics->SetDelivery(PartnerId(name), delivery);
}

// Also of suspended partners: their contracts end too.
void SampleContracts(const Core& core, absl::Time now, Metrics* metrics) {
  std::map<std::string, double> days;
  const auto snapshot = core.snapshots.Get();
  for (const auto& [name, partner] : snapshot->partners) {
    for (const auto& contract : partner->contracts) {
      days[contract->name] = policy::StandingOn(contract->terms, registry::UtcDay(now)).days_left;
    }
  }
  metrics->SetContractDays(days);
}

void SampleCampaigns(Core& core, Metrics* metrics) {
  const auto campaigns = core.store->ListCampaigns(std::nullopt);
  if (!campaigns.ok()) return;
  std::map<std::string, int> states = {{"enumerating", 0}, {"open", 0}, {"closed", 0}, {"exempted", 0}, {"overdue", 0}};
  for (const storage::CampaignRow& row : *campaigns) {
    absl::string_view state = v1::DeletionCampaign::State_Name(row.campaign.state());
    absl::ConsumePrefix(&state, "STATE_");
    ++states[absl::AsciiStrToLower(state)];
    if (row.campaign.overdue()) ++states["overdue"];
  }
  for (const auto& [state, count] : states) metrics->SetCampaigns(state, count);
}

void SampleSupervision(const Core& core, Metrics* metrics) {
  using Finding = v1::SupervisionFinding;
  for (int number = Finding::Detector_MIN + 1; number <= Finding::Detector_MAX; ++number) {
    const auto detector = static_cast<Finding::Detector>(number);
    absl::string_view name = Finding::Detector_Name(detector);
    absl::ConsumePrefix(&name, "DETECTOR_");
    metrics->SetFindings(absl::AsciiStrToLower(name), static_cast<double>(core.supervisor->findings(detector)));
  }
}

}  // namespace

void SampleMetrics(const config::Config& config, Core& core, const Front& front, const CertificateReloader& reloader,
                   bool serving, absl::Time now, Metrics* metrics) {
  const auto set = [metrics](Sample sample, auto value) { metrics->Set(sample, static_cast<double>(value)); };
  set(Sample::kServing, serving ? 1 : 0);
  const disclosure::Committer::Stats commits = core.committer->stats();
  set(Sample::kCommitQueue, commits.queued);
  set(Sample::kCommitGroups, commits.groups);
  set(Sample::kCommittedEntries, commits.committed);
  set(Sample::kCommitFailures, commits.failures);
  set(Sample::kComparedProjections, core.discloser->compared());
  set(Sample::kVerifierFindings, core.findings->count());
  if (const auto head = core.store->ReadTreeHead(); head.ok()) set(Sample::kAuditTreeSize, head->size);
  set(Sample::kCheckpointSize, core.checkpoints->published());
  set(Sample::kCheckpointFailures, core.checkpoints->failures());
  set(Sample::kCertificateReloads, reloader.reloads());
  set(Sample::kCertificateFailures, reloader.failures());
  set(Sample::kPartnerConnections, core.connections.size());
  const delivery::OutboundDelivery::Stats outbound = core.outbound->stats();
  set(Sample::kOutboundChannels, outbound.channels);
  set(Sample::kOutboundUnproven, outbound.unproven);
  set(Sample::kOutboundFailing, outbound.failing);
  const revocation::ContractClockTotals& totals = core.contract_clock->totals();
  set(Sample::kContractsSuspended, totals.suspended.load());
  set(Sample::kContractsTerminated, totals.terminated.load());
  set(Sample::kContractWarnings, totals.warnings.load());
  set(Sample::kCampaignsOverdue, totals.campaigns_overdue.load());
  set(Sample::kClockFailures, totals.failed_rounds.load());
  set(Sample::kCampaignFailures, core.campaigns->failed_rounds());
  const SelfCheck::Totals& checked = core.self_check->totals();
  set(Sample::kSelfCheckTime, checked.unix_seconds.load());
  set(Sample::kSelfCheckErrors, checked.errors.load());
  set(Sample::kSelfCheckWarnings, checked.warnings.load());
  SampleCertificatesAndKeys(config, front, now, metrics);
  SampleDelivery(core, metrics);
  SampleCampaigns(core, metrics);
  SampleContracts(core, now, metrics);
  SampleSupervision(core, metrics);
}

}  // namespace postern::gateway
