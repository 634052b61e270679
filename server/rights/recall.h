// Taking back what waits for partners, and finding what they hold.
#pragma once

#include <map>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "proto/postern/v1/deletion.pb.h"
#include "proto/postern/v1/errors.pb.h"
#include "proto/postern/v1/subject_rights.pb.h"
#include "server/crypto/uuid7.h"
#include "server/registry/partner_rows.h"
#include "server/rights/granted_fields.h"
#include "server/rights/plane.h"
#include "server/storage/store.h"

namespace postern::rights {

struct Recalled {
  v1::RecallEffect effect;
  // Records that a partner may hold, by partner; terminated partners included.
  std::map<storage::PartnerId, std::vector<storage::DisclosureRow>> held;
  // True if some of them are unacknowledged and come back to the queue should the stream break.
  bool on_their_way = false;
};

using DisclosureFilter = absl::FunctionRef<absl::StatusOr<bool>(const storage::DisclosureRow&)>;

// Withdraws, durably and with `reason`, everything that concerns `subjects`, waits for a partner and is `concerned`;
// drops dead letters likewise. Called after their fences were raised: what was committed before is seen, and nothing is
// committed after.
absl::StatusOr<Recalled> RecallReleases(RightsPlane& plane, absl::Span<const storage::Mac16> subjects,
                                        v1::ErrorReason reason, DisclosureFilter concerned);

// Notices over `held`, each handle once, of every partner that is not TERMINATED (what that held was asked for at its
// termination): campaigns and notices are added to `change`. `categories` limits what must be deleted; empty: whole
// records. The caller holds ControlPlane::mutex until the change is applied. Returns the campaigns.
absl::StatusOr<std::vector<v1::DeletionCampaign>> AddNotices(
    RightsPlane& plane, GrantedFields& grants,
    const std::map<storage::PartnerId, std::vector<storage::DisclosureRow>>& held, v1::DeletionCampaign::Cause cause,
    const std::vector<std::string>& categories, crypto::Uuid7Generator& ids, storage::ChangeSet* change);

}  // namespace postern::rights
