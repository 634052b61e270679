#include "server/revocation/contract_clock.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "policy/language/compiler.h"
#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/registry/audit_entry.h"
#include "server/registry/contract_terms.h"
#include "server/registry/lifecycle.h"
#include "server/registry/partner_rows.h"
#include "server/registry/times.h"
#include "server/revocation/renotification.h"

namespace postern::revocation {
namespace {

constexpr int kWarningDays[] = {1, 7, 30};

// The last day of a contract: the first of its own and its documents'. Texts that were compiled hold valid days.
absl::CivilDay LastDay(const v1::Contract& contract) {
  absl::CivilDay last;
  if (!absl::ParseCivilTime(contract.expires_on(), &last)) return absl::CivilDay();
  for (const v1::Contract::Document& document : contract.documents()) {
    absl::CivilDay end;
    if (!document.expires_on().empty() && absl::ParseCivilTime(document.expires_on(), &end)) last = std::min(last, end);
  }
  return last;
}

// Empty while the contract holds, or does not hold yet.
absl::string_view EndedBy(const policy::ContractStanding& standing) {
  switch (standing.state) {
    case policy::ContractStanding::State::kExpired:
      return "contract_expired";
    case policy::ContractStanding::State::kDocumentExpired:
      return "document_expired";
    case policy::ContractStanding::State::kInForce:
    case policy::ContractStanding::State::kNotYet:
      break;
  }
  return "";
}

bool TerminationDue(const v1::Contract& contract, absl::CivilDay today) {
  if (contract.on_expiry().action() == v1::Contract::OnExpiry::TERMINATE) return true;
  const int grace = contract.on_expiry().terminate_after_days();
  return grace > 0 && today - LastDay(contract) > grace;
}

}  // namespace

ContractClock::ContractClock(registry::ControlPlane* control, Suspender* suspender, Terminator* terminator,
                             CampaignRunner* campaigns, absl::Duration interval)
    : control_(*control),
      suspender_(*suspender),
      terminator_(*terminator),
      campaigns_(*campaigns),
      loop_(interval, [this] {
        if (!RunOnce().ok()) ++totals_.failed_rounds;
      }) {}

absl::Status ContractClock::RunOnce() {
  absl::Status first;
  const absl::CivilDay today = registry::UtcDay(control_.clock());
  if (today != last_day_) {
    {
      // A contract that begins or ends today enters or leaves the snapshot. Never in the middle of somebody's change: a
      // snapshot between its steps could join new fences with old grants.
      absl::MutexLock lock(&control_.mutex);
      first.Update(control_.snapshots->Rebuild());
    }
    const absl::StatusOr<int64_t> renotified = RenotifyEndedExemptions(control_, campaigns_.options());
    first.Update(renotified.status());
    if (first.ok()) last_day_ = today;
  }
  first.Update(terminator_.FinishCuts());
  first.Update(suspender_.SettleUnknown());
  const absl::StatusOr<std::vector<storage::PartnerRow>> rows = control_.store->ListPartners();
  if (!rows.ok()) return rows.status();
  for (const storage::PartnerRow& row : *rows) {
    if (registry::KeepsGrants(row.partner.state())) first.Update(CheckPartner(row, today));
  }
  const absl::StatusOr<int> overdue = FlagOverdueCampaigns(control_);
  first.Update(overdue.status());
  if (overdue.ok()) totals_.campaigns_overdue += *overdue;
  return first;
}

absl::Status ContractClock::CheckPartner(const storage::PartnerRow& row, absl::CivilDay today) {
  if (base::FailpointSkips("contract_clock.skip")) return absl::OkStatus();
  const std::string& name = row.partner.name();
  POSTERN_ASSIGN_OR_RETURN(const std::vector<v1::Contract> contracts,
                           registry::ReadActiveContracts(*control_.store, row.id));
  if (contracts.empty() && row.partner.state() == v1::PARTNER_STATE_ACTIVE) {
    // Its last contract was taken out of the bundle. Active and granted nothing, it would look served.
    POSTERN_RETURN_IF_ERROR(suspender_.SuspendFor(name, "no_contract").status());
    ++totals_.suspended;
    return absl::OkStatus();
  }
  for (const v1::Contract& contract : contracts) {
    const policy::ContractStanding standing = policy::StandingOn(contract, today);
    const absl::string_view ended = EndedBy(standing);
    if (ended.empty()) {
      if (standing.state == policy::ContractStanding::State::kInForce) {
        POSTERN_RETURN_IF_ERROR(Warn(row.id, contract, standing.days_left));
      }
      continue;
    }
    if (TerminationDue(contract, today)) {
      POSTERN_RETURN_IF_ERROR(terminator_.TerminateFor(name, ended).status());
      ++totals_.terminated;
      return absl::OkStatus();
    }
    if (row.partner.state() == v1::PARTNER_STATE_ACTIVE) {
      POSTERN_RETURN_IF_ERROR(suspender_.SuspendFor(name, ended).status());
      ++totals_.suspended;
      return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

absl::Status ContractClock::Warn(storage::PartnerId partner, const v1::Contract& contract, int days_left) {
  // Only the nearest of the three: a process that starts late does not repeat the ones before.
  const auto* const reached = std::find_if(std::begin(kWarningDays), std::end(kWarningDays),
                                           [days_left](int days) { return days_left <= days; });
  if (reached == std::end(kWarningDays)) return absl::OkStatus();
  absl::MutexLock lock(&control_.mutex);
  POSTERN_ASSIGN_OR_RETURN(std::vector<storage::RevisionRow> rows, control_.store->ListRevisions(partner));
  for (storage::RevisionRow& row : rows) {
    v1::ContractRevision& revision = row.revision;
    if (revision.state() != v1::ContractRevision::STATE_ACTIVE) continue;
    if (registry::ContractPart(revision.name()) != contract.name()) continue;
    if (revision.warned_days() != 0 && revision.warned_days() <= *reached) return absl::OkStatus();
    revision.set_warned_days(*reached);
    const absl::Time now = control_.clock();
    const std::string left = absl::StrCat(days_left);
    storage::ChangeSet change;
    POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_LIFECYCLE,
                                                 {now, registry::kGatewayPrincipal, contract.name()},
                                                 "contract.expiring", {{"days_left", left}}));
    change.revisions.push_back(std::move(row));
    POSTERN_RETURN_IF_ERROR(control_.store->Apply(change).status());
    ++totals_.warnings;
    control_.events->Publish(now, "contract.expiring", contract.name(), registry::kGatewayPrincipal,
                             {{"days_left", left}});
    return absl::OkStatus();
  }
  return absl::OkStatus();
}

}  // namespace postern::revocation
