#include "server/supervision/past.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/registry/contract_terms.h"
#include "server/registry/times.h"
#include "server/storage/position_search.h"
#include "server/supervision/acknowledgements.h"

namespace postern::supervision {
namespace {

using Finding = v1::SupervisionFinding;

constexpr int kPage = 1000;

// A position that no outcome comes after, the first such: nothing else leads to the newest one, and positions have
// gaps.
absl::StatusOr<int64_t> EndOfOutcomes(storage::Store& store) {
  const auto any_after = [&store](int64_t position) -> absl::StatusOr<bool> {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::OutcomeRow> rows, store.ReadOutcomes(position, 1));
    return !rows.empty();
  };
  POSTERN_ASSIGN_OR_RETURN(const int64_t last, storage::LastWhere(any_after));
  return last + 1;
}

using Histories = std::map<storage::PartnerId, AcknowledgementHistory>;

absl::StatusOr<Histories> ReadAcknowledgements(storage::Store& store, const PastOptions& options) {
  Histories histories;
  POSTERN_ASSIGN_OR_RETURN(const int64_t end, EndOfOutcomes(store));
  int64_t after = std::max<int64_t>(0, end - options.max_acknowledgements);
  for (;;) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::OutcomeRow> rows, store.ReadOutcomes(after, kPage));
    for (const storage::OutcomeRow& row : rows) {
      after = row.position;
      if (row.state != v1::DISCLOSURE_STATE_DELIVERED || row.disclosure.exchange) continue;
      histories[row.disclosure.partner].Add(row.disclosure.time, row.time);
    }
    if (rows.empty()) return histories;
  }
}

absl::Status AddOverdueDeletions(storage::Store& store, const storage::PartnerRow& partner, const PastOptions& options,
                                 std::vector<Finding>* findings) {
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::CampaignRow> campaigns, store.ListCampaigns(partner.id));
  for (const storage::CampaignRow& row : campaigns) {
    const absl::Time due = registry::ToTime(row.campaign.due_time());
    const bool closed = row.campaign.has_close_time();
    const absl::Time end = closed ? registry::ToTime(row.campaign.close_time()) : options.now;
    if (end <= due) continue;
    Finding& finding = findings->emplace_back();
    finding.set_detector(Finding::DETECTOR_OVERDUE_DELETION);
    registry::SetTime(due, finding.mutable_time());
    finding.set_value(1);
    const int64_t days = absl::ToInt64Hours(end - due) / 24;
    finding.set_explanation(closed
                                ? absl::StrCat("a deletion campaign was closed ", days, " whole days after it was due")
                                : absl::StrCat("a deletion campaign has been due for ", days, " whole days"));
  }
  return absl::OkStatus();
}

bool LeavesNoTrace(Finding::Detector detector) {
  return detector == Finding::DETECTOR_REDELIVERY || detector == Finding::DETECTOR_NEW_CERTIFICATE ||
         detector == Finding::DETECTOR_NEW_NETWORK || detector == Finding::DETECTOR_CANARY;
}

absl::Status AddRecorded(storage::Store& store, const storage::PartnerRow& partner, std::vector<Finding>* findings) {
  for (int64_t before = 0;;) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::FindingRow> rows,
                             store.ListFindings(partner.partner.name(), before, kPage));
    for (const storage::FindingRow& row : rows) {
      before = row.row;
      if (!LeavesNoTrace(row.finding.detector())) continue;
      findings->push_back(row.finding);
      findings->back().clear_action();
    }
    if (static_cast<int>(rows.size()) < kPage) return absl::OkStatus();
  }
}

}  // namespace

absl::StatusOr<std::vector<Finding>> ReplayPast(storage::Store& store, const std::vector<storage::PartnerRow>& partners,
                                                const PastOptions& options) {
  POSTERN_ASSIGN_OR_RETURN(const Histories histories, ReadAcknowledgements(store, options));
  std::vector<Finding> all;
  for (const storage::PartnerRow& partner : partners) {
    std::vector<Finding> findings;
    const auto add = [&findings](std::vector<Finding> more) {
      findings.insert(findings.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
    };
    if (const auto history = histories.find(partner.id); history != histories.end()) {
      POSTERN_ASSIGN_OR_RETURN(const std::vector<v1::Contract> contracts,
                               registry::ReadActiveContracts(store, partner.id));
      add(history->second.Late(options.late_after));
      const std::optional<std::set<int>> hours = FetchHours(contracts);
      if (hours) add(history->second.OffSchedule(*hours));
    }
    POSTERN_RETURN_IF_ERROR(AddOverdueDeletions(store, partner, options, &findings));
    POSTERN_RETURN_IF_ERROR(AddRecorded(store, partner, &findings));
    for (Finding& finding : findings) {
      finding.set_partner(partner.partner.name());
      all.push_back(std::move(finding));
    }
  }
  return all;
}

}  // namespace postern::supervision
