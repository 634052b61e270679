#include "server/revocation/notice_reader.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/registry/errors.h"
#include "server/registry/page.h"
#include "server/registry/partner_rows.h"
#include "server/registry/times.h"
#include "server/revocation/notice.h"

namespace postern::revocation {
namespace {

// Clients take 4 MiB by default.
constexpr size_t kPageBytes = 2 << 20;

// As readers see it: what follows from the clock, without what waits for a second person.
v1::DeletionNotice View(v1::DeletionNotice notice, absl::Time now) {
  if (!IsAttested(notice)) {
    notice.clear_attestation();
    notice.set_overdue(registry::ToTime(notice.due_time()) <= now);
  }
  return notice;
}

// Fills a page of either List response.
template <typename Response>
absl::Status FillPage(registry::ControlPlane& control, storage::PartnerId partner, absl::string_view campaign,
                      int page_size, absl::string_view page_token, bool open_only, Response* response) {
  POSTERN_ASSIGN_OR_RETURN(const int size, registry::PageSize(page_size, 10, 100));
  POSTERN_ASSIGN_OR_RETURN(const int64_t after, registry::PositionToken(page_token));
  POSTERN_ASSIGN_OR_RETURN(std::vector<storage::NoticeRow> rows,
                           control.store->ListNotices(partner, campaign, after, size + 1, open_only));
  const absl::Time now = control.clock();
  size_t bytes = 0;
  int64_t last = 0;
  for (storage::NoticeRow& row : rows) {
    bytes += row.notice.ByteSizeLong();
    const bool full = response->notices_size() == size || (response->notices_size() > 0 && bytes > kPageBytes);
    if (full) {
      response->set_next_page_token(absl::StrCat(last));
      break;
    }
    last = row.row;
    *response->add_notices() = View(std::move(row.notice), now);
  }
  return absl::OkStatus();
}

// Ids are UUIDv7: their order is the order of creation.
absl::string_view IdOf(const v1::DeletionCampaign& campaign) {
  const absl::string_view name = campaign.name();
  return name.substr(name.rfind('/') + 1);
}

}  // namespace

absl::StatusOr<v1::ListDeletionNoticesResponse> NoticeReader::ListDeletionNotices(
    const identity::Principal& caller, const v1::ListDeletionNoticesRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(const storage::PartnerRow partner, registry::ReadPartner(*control_.store, caller.partner));
  v1::ListDeletionNoticesResponse response;
  // Before the notices: one that is written in between is then announced by `enumerating`.
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::CampaignRow> campaigns,
                           control_.store->ListCampaigns(partner.id));
  response.set_enumerating(std::any_of(campaigns.begin(), campaigns.end(), [](const storage::CampaignRow& row) {
    return !row.campaign.enumeration_done();
  }));
  POSTERN_RETURN_IF_ERROR(
      FillPage(control_, partner.id, "", request.page_size(), request.page_token(), request.open_only(), &response));
  return response;
}

absl::StatusOr<v1::DeletionCampaign> NoticeReader::GetDeletionCampaign(const v1::GetDeletionCampaignRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(std::optional<storage::CampaignRow> row, control_.store->ReadCampaign(request.name()));
  if (!row) return registry::errors::NotFound(request.name());
  return std::move(row->campaign);
}

absl::StatusOr<v1::ListDeletionCampaignsResponse> NoticeReader::ListDeletionCampaigns(
    const v1::ListDeletionCampaignsRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(const int size, registry::PageSize(request.page_size(), 100, 1000));
  std::optional<storage::PartnerId> partner;
  if (request.parent() != "partners/-") {
    POSTERN_ASSIGN_OR_RETURN(const storage::PartnerRow row, registry::ReadPartner(*control_.store, request.parent()));
    partner = row.id;
  }
  POSTERN_ASSIGN_OR_RETURN(std::vector<storage::CampaignRow> rows, control_.store->ListCampaigns(partner));
  std::sort(rows.begin(), rows.end(), [](const storage::CampaignRow& a, const storage::CampaignRow& b) {
    return IdOf(a.campaign) > IdOf(b.campaign);
  });
  v1::ListDeletionCampaignsResponse response;
  for (storage::CampaignRow& row : rows) {
    if (!request.page_token().empty() && IdOf(row.campaign) >= request.page_token()) continue;
    if (response.campaigns_size() == size) {
      response.set_next_page_token(std::string(IdOf(response.campaigns(size - 1))));
      break;
    }
    *response.add_campaigns() = std::move(row.campaign);
  }
  return response;
}

absl::StatusOr<v1::ListCampaignNoticesResponse> NoticeReader::ListCampaignNotices(
    const v1::ListCampaignNoticesRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(const std::optional<storage::CampaignRow> row,
                           control_.store->ReadCampaign(request.parent()));
  if (!row) return registry::errors::NotFound(request.parent());
  v1::ListCampaignNoticesResponse response;
  POSTERN_RETURN_IF_ERROR(
      FillPage(control_, row->partner, request.parent(), request.page_size(), request.page_token(), false, &response));
  return response;
}

}  // namespace postern::revocation
