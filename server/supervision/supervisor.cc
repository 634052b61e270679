#include "server/supervision/supervisor.h"

#include <pthread.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/registry/audit_entry.h"
#include "server/registry/contract_terms.h"
#include "server/registry/errors.h"
#include "server/registry/lifecycle.h"
#include "server/registry/page.h"
#include "server/registry/partner_rows.h"
#include "server/registry/times.h"
#include "server/supervision/acknowledgements.h"
#include "server/supervision/detectors.h"
#include "server/supervision/past.h"

namespace postern::supervision {
namespace {

using Finding = v1::SupervisionFinding;

constexpr int kPage = 1000;
constexpr double kDefaultBurstScore = 6;
constexpr int64_t kRedeliveryFloor = 100;
// A response stays below what a client takes in one message.
constexpr int kMaxReplayed = 5000;

// "DETECTOR_LATE_ACKNOWLEDGEMENT" -> "late_acknowledgement".
std::string NameOf(Finding::Detector detector) {
  absl::string_view name = Finding::Detector_Name(detector);
  absl::ConsumePrefix(&name, "DETECTOR_");
  return absl::AsciiStrToLower(name);
}

// Each detector acts once a UTC day for each contract, or for the partner where it is about no single contract.
std::tuple<std::string, int, absl::CivilDay> KeyOf(const Finding& finding, absl::CivilDay day) {
  return {absl::StrCat(finding.partner(), "|", finding.contract()), static_cast<int>(finding.detector()), day};
}

}  // namespace

Supervisor::Supervisor(registry::ControlPlane* control, revocation::Suspender* suspender,
                       revocation::Terminator* terminator, Sightings* sightings, SupervisorOptions options)
    : control_(*control),
      suspender_(*suspender),
      terminator_(*terminator),
      sightings_(sightings),
      options_(std::move(options)),
      contracts_(control->store),
      loop_(options.interval, [this] {
        // So that what supervision costs can be told from what disclosures cost (top -H).
        pthread_setname_np(pthread_self(), "supervision");
        if (!RunOnce().ok()) ++failed_rounds_;
      }) {}

absl::Status Supervisor::RunOnce() {
  if (base::FailpointSkips("supervision.skip")) return absl::OkStatus();
  const absl::StatusOr<std::vector<storage::PartnerRow>> rows = control_.store->ListPartners();
  if (!rows.ok()) return rows.status();
  const absl::Time now = control_.clock();
  absl::Status first;
  absl::MutexLock lock(&mutex_);
  if (!loaded_) POSTERN_RETURN_IF_ERROR(LoadActed(*rows, now));
  for (const storage::PartnerRow& row : *rows) {
    if (row.partner.state() == v1::PARTNER_STATE_TERMINATED || loop_.stopping()) continue;
    first.Update(Look(row, now));
  }
  const absl::CivilDay yesterday = registry::UtcDay(now) - 1;
  for (auto it = acted_.begin(); it != acted_.end();) it = std::get<2>(*it) < yesterday ? acted_.erase(it) : ++it;
  return first;
}

absl::Status Supervisor::Look(const storage::PartnerRow& partner, absl::Time now) {
  Watched& watched = partners_[partner.partner.name()];
  const CountRange fresh{watched.seen, now - absl::Hours(24) * kHistoryDays, options_.max_history_records};
  POSTERN_ASSIGN_OR_RETURN(
      watched.seen, CountDisclosures(*control_.store, partner.id, fresh, contracts_, kHistoryDays, &watched.usage));
  POSTERN_ASSIGN_OR_RETURN(const std::vector<v1::Contract> contracts,
                           registry::ReadActiveContracts(*control_.store, partner.id));
  for (const v1::Contract& contract : contracts) {
    DetectorLimits limits;
    limits.max_records_per_day = contract.supervision().max_records_per_day();
    for (Finding& finding : Judge(watched.usage[contract.name()], limits, now)) {
      // Statistics ask for a look; what the contract agreed on is acted on.
      const bool agreed = finding.detector() == Finding::DETECTOR_VOLUME;
      POSTERN_RETURN_IF_ERROR(Act(partner, contract.name(),
                                  agreed ? contract.supervision().on_breach() : v1::Supervision::ALERT, now,
                                  std::move(finding)));
    }
  }
  std::vector<Finding> findings;
  POSTERN_RETURN_IF_ERROR(JudgeDelivery(partner, now, &findings));
  POSTERN_RETURN_IF_ERROR(JudgeDeletion(partner, &findings));
  POSTERN_RETURN_IF_ERROR(JudgeSightings(partner, &findings));
  JudgeSchedule(partner, contracts, now, &findings);
  JudgeRedeliveries(partner.partner.name(), registry::UtcDay(now), &watched, &findings);
  for (Finding& finding : findings) {
    POSTERN_RETURN_IF_ERROR(Act(partner, "", v1::Supervision::ALERT, now, std::move(finding)));
  }
  return absl::OkStatus();
}

absl::Status Supervisor::JudgeDelivery(const storage::PartnerRow& partner, absl::Time now,
                                       std::vector<Finding>* findings) const {
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::PendingPayload> old,
                           control_.store->ReadPendingOlderThan(partner.id, 0, now - options_.late_after, 1));
  if (old.empty()) return absl::OkStatus();
  POSTERN_ASSIGN_OR_RETURN(const storage::LaneState lanes, control_.store->ReadLanes(partner.id));
  // What was never handed over is not the partner's to acknowledge.
  if (old.front().seq > lanes.dispatch_mark) return absl::OkStatus();
  const double hours = absl::ToDoubleHours(now - old.front().time);
  Finding& finding = findings->emplace_back();
  finding.set_detector(Finding::DETECTOR_LATE_ACKNOWLEDGEMENT);
  finding.set_value(hours);
  finding.set_limit(absl::ToDoubleHours(options_.late_after));
  finding.set_explanation(absl::StrCat("the oldest record that was handed over and not acknowledged is ",
                                       static_cast<int64_t>(hours), " hours old"));
  return absl::OkStatus();
}

absl::Status Supervisor::JudgeDeletion(const storage::PartnerRow& partner, std::vector<Finding>* findings) const {
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::CampaignRow> campaigns,
                           control_.store->ListCampaigns(partner.id));
  const auto overdue = std::count_if(campaigns.begin(), campaigns.end(), [](const storage::CampaignRow& row) {
    return row.campaign.overdue() && !row.campaign.has_close_time();
  });
  if (overdue == 0) return absl::OkStatus();
  Finding& finding = findings->emplace_back();
  finding.set_detector(Finding::DETECTOR_OVERDUE_DELETION);
  finding.set_value(static_cast<double>(overdue));
  finding.set_explanation(absl::StrCat(overdue, " deletion campaigns are past their due time"));
  return absl::OkStatus();
}

absl::Status Supervisor::JudgeSightings(const storage::PartnerRow& partner, std::vector<Finding>* findings) {
  if (sightings_ == nullptr) return absl::OkStatus();
  POSTERN_ASSIGN_OR_RETURN(const Sightings::News news, sightings_->TakeNews(*control_.store, partner));
  const auto add = [&](Finding::Detector detector, int count, absl::string_view what) {
    if (count == 0) return;
    Finding& finding = findings->emplace_back();
    finding.set_detector(detector);
    finding.set_value(count);
    finding.set_explanation(absl::StrCat(count, " ", what, " that the partner was not seen with before"));
  };
  add(Finding::DETECTOR_NEW_CERTIFICATE, news.certificates, "certificates");
  add(Finding::DETECTOR_NEW_NETWORK, news.networks, "networks");
  return absl::OkStatus();
}

void Supervisor::JudgeRedeliveries(const std::string& partner, absl::CivilDay today, Watched* watched,
                                   std::vector<Finding>* findings) const {
  if (options_.deliveries == nullptr) return;
  const SupervisorOptions::Deliveries now = options_.deliveries(partner);
  // Counts begin anew with the day, and with a queue that was made anew.
  if (watched->day != today || now.all < watched->before.all) {
    watched->day = today;
    watched->before = now.all < watched->before.all ? SupervisorOptions::Deliveries() : now;
  }
  const int64_t repeated = now.repeated - watched->before.repeated;
  const int64_t fresh = now.all - watched->before.all - repeated;
  if (repeated < kRedeliveryFloor || repeated <= fresh) return;
  Finding& finding = findings->emplace_back();
  finding.set_detector(Finding::DETECTOR_REDELIVERY);
  finding.set_value(static_cast<double>(repeated));
  finding.set_limit(static_cast<double>(std::max(kRedeliveryFloor, fresh)));
  finding.set_explanation(absl::StrCat(repeated, " records were handed over again on ", absl::FormatCivilTime(today),
                                       " (UTC), and ", fresh, " for the first time"));
}

void Supervisor::JudgeSchedule(const storage::PartnerRow& partner, const std::vector<v1::Contract>& contracts,
                               absl::Time now, std::vector<Finding>* findings) const {
  const int hour = absl::ToCivilHour(now, absl::UTCTimeZone()).hour();
  const std::optional<std::set<int>> hours = FetchHours(contracts);
  if (!hours || hours->count(hour) > 0) return;
  const int streams = control_.cutter->LiveStreams(partner.partner.name());
  if (streams == 0) return;
  Finding& finding = findings->emplace_back();
  finding.set_detector(Finding::DETECTOR_OFF_SCHEDULE);
  finding.set_value(streams);
  finding.set_explanation(
      absl::StrCat("records are fetched in the hour from ", hour, ":00 (UTC), which no contract names"));
}

absl::Status Supervisor::LoadActed(const std::vector<storage::PartnerRow>& partners, absl::Time now) {
  const absl::CivilDay yesterday = registry::UtcDay(now) - 1;
  for (int64_t before = 0;;) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::FindingRow> rows,
                             control_.store->ListFindings("", before, kPage));
    for (const storage::FindingRow& row : rows) {
      before = row.row;
      const Finding& finding = row.finding;
      const absl::Time time = registry::ToTime(finding.time());
      const auto partner = std::find_if(partners.begin(), partners.end(), [&](const storage::PartnerRow& one) {
        return one.partner.name() == finding.partner();
      });
      // Found, and the process ended before it acted: it is found again, and acted on.
      const bool undone = finding.action() != Finding::ACTION_ALERTED && partner != partners.end() &&
                          partner->partner.state() == v1::PARTNER_STATE_ACTIVE &&
                          registry::ToTime(partner->partner.update_time()) < time;
      if (!undone) acted_.insert(KeyOf(finding, registry::UtcDay(time)));
    }
    const bool past = !rows.empty() && registry::UtcDay(registry::ToTime(rows.back().finding.time())) < yesterday;
    if (past || static_cast<int>(rows.size()) < kPage) break;
  }
  loaded_ = true;
  return absl::OkStatus();
}

absl::Status Supervisor::Act(const storage::PartnerRow& partner, const std::string& contract,
                             v1::Supervision::OnBreach on_breach, absl::Time now, Finding finding) {
  finding.set_partner(partner.partner.name());
  finding.set_contract(contract);
  const auto key = KeyOf(finding, registry::UtcDay(now));
  if (acted_.contains(key)) return absl::OkStatus();
  POSTERN_RETURN_IF_ERROR(Record(partner, registry::kGatewayPrincipal, on_breach, now, std::move(finding)).status());
  acted_.insert(key);
  return absl::OkStatus();
}

absl::StatusOr<Finding> Supervisor::Record(const storage::PartnerRow& partner, absl::string_view principal,
                                           v1::Supervision::OnBreach on_breach, absl::Time now, Finding finding) {
  const std::string& name = partner.partner.name();
  const bool active = partner.partner.state() == v1::PARTNER_STATE_ACTIVE;
  registry::SetTime(now, finding.mutable_time());
  finding.set_action(Finding::ACTION_ALERTED);
  if (on_breach == v1::Supervision::SUSPEND && active) finding.set_action(Finding::ACTION_SUSPENDED);
  if (on_breach == v1::Supervision::TERMINATE && registry::KeepsGrants(partner.partner.state())) {
    finding.set_action(Finding::ACTION_TERMINATED);
  }
  // The reason is on record before the consequence.
  const std::string what = absl::StrCat("supervision.", NameOf(finding.detector()));
  storage::ChangeSet change;
  change.findings.push_back({0, finding});
  POSTERN_RETURN_IF_ERROR(
      registry::AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE, {now, principal, name}, what,
                           {{"contract", finding.contract()}, {"explanation", finding.explanation()}}));
  POSTERN_RETURN_IF_ERROR(control_.store->Apply(change).status());
  POSTERN_FAILPOINT("supervision.found");
  if (finding.action() == Finding::ACTION_SUSPENDED) {
    POSTERN_RETURN_IF_ERROR(suspender_.SuspendFor(name, "supervision").status());
  }
  if (finding.action() == Finding::ACTION_TERMINATED) {
    POSTERN_RETURN_IF_ERROR(terminator_.TerminateFor(name, "supervision").status());
  }
  control_.events->Publish(now, what, name, principal, {{"explanation", finding.explanation()}});
  counts_[static_cast<size_t>(finding.detector())].fetch_add(1, std::memory_order_relaxed);
  return finding;
}

absl::StatusOr<Finding> Supervisor::Report(const std::string& partner, absl::string_view principal, Finding finding) {
  absl::MutexLock lock(&mutex_);
  POSTERN_ASSIGN_OR_RETURN(const storage::PartnerRow row, registry::ReadPartner(*control_.store, partner));
  POSTERN_ASSIGN_OR_RETURN(const std::vector<v1::Contract> contracts,
                           registry::ReadActiveContracts(*control_.store, row.id));
  v1::Supervision::OnBreach on_breach = v1::Supervision::ALERT;
  for (const v1::Contract& contract : contracts) {
    on_breach = std::max(on_breach, contract.supervision().on_breach());
  }
  finding.set_partner(partner);
  return Record(row, principal, on_breach, control_.clock(), std::move(finding));
}

absl::StatusOr<v1::ListSupervisionFindingsResponse> Supervisor::List(
    const v1::ListSupervisionFindingsRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(const int size, registry::PageSize(request.page_size(), kPage, kPage));
  POSTERN_ASSIGN_OR_RETURN(const int64_t before, registry::PositionToken(request.page_token()));
  POSTERN_ASSIGN_OR_RETURN(std::vector<storage::FindingRow> rows,
                           control_.store->ListFindings(request.parent(), before, size));
  v1::ListSupervisionFindingsResponse response;
  if (static_cast<int>(rows.size()) == size) response.set_next_page_token(absl::StrCat(rows.back().row));
  for (storage::FindingRow& row : rows) *response.add_findings() = std::move(row.finding);
  return response;
}

absl::Status Supervisor::ReplayCounts(const storage::PartnerRow& partner, const v1::ReplaySupervisionRequest& request,
                                      v1::ReplaySupervisionResponse* response) const {
  // Nothing that rounds count in memory: they forget after four weeks, and go on meanwhile.
  ContractNames names(control_.store);
  UsageByContract counted;
  POSTERN_RETURN_IF_ERROR(CountDisclosures(*control_.store, partner.id,
                                           {0, absl::InfinitePast(), options_.max_history_records}, names, std::nullopt,
                                           &counted)
                              .status());
  POSTERN_ASSIGN_OR_RETURN(const std::vector<v1::Contract> contracts,
                           registry::ReadActiveContracts(*control_.store, partner.id));
  for (const auto& [name, usage] : counted) {
    DetectorLimits limits;
    limits.burst_score = request.burst_score() == 0 ? kDefaultBurstScore : request.burst_score();
    limits.max_records_per_day = request.max_records_per_day();
    const auto agreed = std::find_if(contracts.begin(), contracts.end(),
                                     [&name = name](const v1::Contract& contract) { return contract.name() == name; });
    if (limits.max_records_per_day == 0 && agreed != contracts.end()) {
      limits.max_records_per_day = agreed->supervision().max_records_per_day();
    }
    for (Finding& finding : supervision::Replay(usage, limits)) {
      finding.set_partner(partner.partner.name());
      finding.set_contract(name);
      *response->add_findings() = std::move(finding);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::ReplaySupervisionResponse> Supervisor::Replay(const v1::ReplaySupervisionRequest& request) {
  if (request.max_records_per_day() < 0 || request.burst_score() < 0) {
    return registry::errors::InvalidField("limits", "must not be negative");
  }
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::PartnerRow> partners, control_.store->ListPartners());
  v1::ReplaySupervisionResponse response;
  for (const storage::PartnerRow& partner : partners) {
    POSTERN_RETURN_IF_ERROR(ReplayCounts(partner, request, &response));
  }
  PastOptions past;
  past.now = control_.clock();
  past.late_after = options_.late_after;
  past.max_acknowledgements = options_.max_history_records;
  POSTERN_ASSIGN_OR_RETURN(std::vector<Finding> findings, ReplayPast(*control_.store, partners, past));
  for (Finding& finding : findings) *response.add_findings() = std::move(finding);
  std::stable_sort(response.mutable_findings()->begin(), response.mutable_findings()->end(),
                   [](const Finding& a, const Finding& b) { return a.time().seconds() < b.time().seconds(); });
  const int too_many = response.findings_size() - kMaxReplayed;
  if (too_many > 0) response.mutable_findings()->DeleteSubrange(0, too_many);
  return response;
}

}  // namespace postern::supervision
