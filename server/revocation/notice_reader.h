// Campaigns and notices, for partners and operators.
#pragma once

#include "absl/status/statusor.h"
#include "proto/postern/v1/operator_service.pb.h"
#include "proto/postern/v1/partner_service.pb.h"
#include "server/identity/principal.h"
#include "server/registry/control_plane.h"

namespace postern::revocation {

// Thread-safe. INVALID_ARGUMENT for a page size or token that is not one of ours. Pages end early at about 2 MiB.
class NoticeReader {
 public:
  explicit NoticeReader(registry::ControlPlane* control) : control_(*control) {}

  absl::StatusOr<v1::ListDeletionNoticesResponse> ListDeletionNotices(const identity::Principal& caller,
                                                                      const v1::ListDeletionNoticesRequest& request);
  // NOT_FOUND.
  absl::StatusOr<v1::DeletionCampaign> GetDeletionCampaign(const v1::GetDeletionCampaignRequest& request);
  // PARTNER_UNKNOWN.
  absl::StatusOr<v1::ListDeletionCampaignsResponse> ListDeletionCampaigns(
      const v1::ListDeletionCampaignsRequest& request);
  // NOT_FOUND for the campaign.
  absl::StatusOr<v1::ListCampaignNoticesResponse> ListCampaignNotices(const v1::ListCampaignNoticesRequest& request);

 private:
  registry::ControlPlane& control_;
};

}  // namespace postern::revocation
