#include "server/supervision/supervisor.h"

#include <algorithm>
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
#include "server/registry/partner_rows.h"
#include "server/registry/times.h"
#include "server/supervision/detectors.h"

namespace postern::supervision {
namespace {

using Finding = v1::SupervisionFinding;

constexpr int kPage = 1000;
constexpr size_t kKeptFindings = 1000;
constexpr double kDefaultBurstScore = 6;

// "DETECTOR_LATE_ACKNOWLEDGEMENT" -> "late_acknowledgement".
std::string NameOf(Finding::Detector detector) {
  absl::string_view name = Finding::Detector_Name(detector);
  absl::ConsumePrefix(&name, "DETECTOR_");
  return absl::AsciiStrToLower(name);
}

}  // namespace

struct Supervisor::Counted {
  absl::Time time;
  storage::Mac16 record_key{};
  storage::GrantId grant = 0;
};

Supervisor::Supervisor(registry::ControlPlane* control, revocation::Suspender* suspender,
                       revocation::Terminator* terminator, SupervisorOptions options)
    : control_(*control),
      suspender_(*suspender),
      terminator_(*terminator),
      options_(options),
      loop_(options.interval, [this] {
        if (!RunOnce().ok()) ++failed_rounds_;
      }) {}

absl::Status Supervisor::RunOnce() {
  if (base::FailpointSkips("supervision.skip")) return absl::OkStatus();
  const absl::StatusOr<std::vector<storage::PartnerRow>> rows = control_.store->ListPartners();
  if (!rows.ok()) return rows.status();
  const absl::Time now = control_.clock();
  absl::Status first;
  absl::MutexLock lock(&mutex_);
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
  POSTERN_RETURN_IF_ERROR(CountNew(partner.id, now, &watched));
  POSTERN_ASSIGN_OR_RETURN(const std::vector<v1::Contract> contracts,
                           registry::ReadActiveContracts(*control_.store, partner.id));
  for (const v1::Contract& contract : contracts) {
    DetectorLimits limits;
    limits.max_records_per_day = contract.supervision().max_records_per_day();
    watched.limits[contract.name()] = limits.max_records_per_day;
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
  for (Finding& finding : findings) {
    POSTERN_RETURN_IF_ERROR(Act(partner, "", v1::Supervision::ALERT, now, std::move(finding)));
  }
  return absl::OkStatus();
}

absl::Status Supervisor::CountNew(storage::PartnerId partner, absl::Time now, Watched* watched) {
  const absl::Time oldest = now - absl::Hours(24) * kHistoryDays;
  std::vector<Counted> fresh;  // newest first, as they are read
  int64_t newest = watched->seen;
  bool more = true;
  for (int64_t before = 0; more && static_cast<int64_t>(fresh.size()) < options_.max_history_records;) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::DisclosureRow> rows,
                             control_.store->ListDisclosures(partner, before, kPage));
    more = rows.size() == kPage;
    for (const storage::DisclosureRow& row : rows) {
      if (row.seq <= watched->seen || row.time < oldest) {
        more = false;
        break;
      }
      newest = std::max(newest, row.seq);
      fresh.push_back({row.time, row.record_key, row.grant});
    }
    if (!rows.empty()) before = rows.back().seq;
  }
  for (auto counted = fresh.rbegin(); counted != fresh.rend(); ++counted) {
    POSTERN_ASSIGN_OR_RETURN(const std::string contract, ContractOf(counted->grant));
    watched->usage[contract].Add(counted->time, counted->record_key);
  }
  watched->seen = newest;
  return absl::OkStatus();
}

absl::StatusOr<std::string> Supervisor::ContractOf(storage::GrantId grant) {
  if (const auto known = contracts_.find(grant); known != contracts_.end()) return known->second;
  POSTERN_ASSIGN_OR_RETURN(const storage::GrantRef ref, control_.store->ReadGrant(grant));
  return contracts_[grant] = std::string(registry::ContractPart(ref.contract_revision));
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

absl::Status Supervisor::Act(const storage::PartnerRow& partner, const std::string& contract,
                             v1::Supervision::OnBreach on_breach, absl::Time now, Finding finding) {
  const std::string& name = partner.partner.name();
  const auto key =
      std::make_tuple(absl::StrCat(name, "|", contract), static_cast<int>(finding.detector()), registry::UtcDay(now));
  if (acted_.contains(key)) return absl::OkStatus();
  const bool active = partner.partner.state() == v1::PARTNER_STATE_ACTIVE;
  finding.set_partner(name);
  finding.set_contract(contract);
  registry::SetTime(now, finding.mutable_time());
  finding.set_action(Finding::ACTION_ALERTED);
  if (on_breach == v1::Supervision::SUSPEND && active) finding.set_action(Finding::ACTION_SUSPENDED);
  if (on_breach == v1::Supervision::TERMINATE && registry::KeepsGrants(partner.partner.state())) {
    finding.set_action(Finding::ACTION_TERMINATED);
  }
  // The reason is on record before the consequence.
  const std::string what = absl::StrCat("supervision.", NameOf(finding.detector()));
  std::vector<std::string> leaves;
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&leaves, v1::AuditEntry::KIND_STATE_CHANGE,
                                               {now, registry::kGatewayPrincipal, name}, what,
                                               {{"contract", contract}, {"explanation", finding.explanation()}}));
  POSTERN_RETURN_IF_ERROR(control_.store->AppendAudit(leaves).status());
  if (finding.action() == Finding::ACTION_SUSPENDED) {
    POSTERN_RETURN_IF_ERROR(suspender_.SuspendFor(name, "supervision").status());
  }
  if (finding.action() == Finding::ACTION_TERMINATED) {
    POSTERN_RETURN_IF_ERROR(terminator_.TerminateFor(name, "supervision").status());
  }
  control_.events->Publish(now, what, name, registry::kGatewayPrincipal, {{"explanation", finding.explanation()}});
  acted_.insert(key);
  findings_.push_front(std::move(finding));
  if (findings_.size() > kKeptFindings) findings_.pop_back();
  return absl::OkStatus();
}

absl::StatusOr<v1::ListSupervisionFindingsResponse> Supervisor::List(
    const v1::ListSupervisionFindingsRequest& request) {
  absl::MutexLock lock(&mutex_);
  v1::ListSupervisionFindingsResponse response;
  for (const Finding& finding : findings_) {
    if (request.parent().empty() || request.parent() == finding.partner()) *response.add_findings() = finding;
  }
  return response;
}

absl::StatusOr<v1::ReplaySupervisionResponse> Supervisor::Replay(const v1::ReplaySupervisionRequest& request) {
  if (request.max_records_per_day() < 0 || request.burst_score() < 0) {
    return registry::errors::InvalidField("limits", "must not be negative");
  }
  absl::MutexLock lock(&mutex_);
  v1::ReplaySupervisionResponse response;
  for (const auto& [name, watched] : partners_) {
    for (const auto& [contract, usage] : watched.usage) {
      DetectorLimits limits;
      const auto agreed = watched.limits.find(contract);
      limits.max_records_per_day = request.max_records_per_day();
      if (limits.max_records_per_day == 0 && agreed != watched.limits.end()) {
        limits.max_records_per_day = agreed->second;
      }
      limits.burst_score = request.burst_score() == 0 ? kDefaultBurstScore : request.burst_score();
      for (Finding& finding : supervision::Replay(usage, limits)) {
        finding.set_partner(name);
        finding.set_contract(contract);
        *response.add_findings() = std::move(finding);
      }
    }
  }
  std::sort(response.mutable_findings()->begin(), response.mutable_findings()->end(),
            [](const Finding& a, const Finding& b) { return a.time().seconds() < b.time().seconds(); });
  return response;
}

}  // namespace postern::supervision
