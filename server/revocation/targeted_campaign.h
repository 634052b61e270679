// Deletion campaigns for a few records of a partner that goes on being served: what one person's request or one ended
// term asks for. Their notices are written at once, with the campaign.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/postern/v1/deletion.pb.h"
#include "server/crypto/uuid7.h"
#include "server/registry/control_plane.h"
#include "server/revocation/notice.h"
#include "server/storage/store.h"

namespace postern::revocation {

// Adds to `change` a campaign against `partner` with the notices over `items`, each handle once and at least one, and
// their audit leaves. The caller holds ControlPlane::mutex from before it read `partner` until `change` is applied, and
// then calls Announce. Returns the campaign as it is written.
absl::StatusOr<v1::DeletionCampaign> AddTargetedCampaign(registry::ControlPlane& control,
                                                         const CampaignOptions& options,
                                                         const storage::PartnerRow& partner,
                                                         v1::DeletionCampaign::Cause cause,
                                                         std::vector<v1::DeletionNoticeStatement::Item> items,
                                                         const crypto::Uuid& id, storage::ChangeSet* change);

// Tells watchers of the campaigns and notices in `change`, which was applied.
void Announce(registry::ControlPlane& control, const storage::ChangeSet& change);

}  // namespace postern::revocation
