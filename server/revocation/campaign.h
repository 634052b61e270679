// Deletion campaigns: everything a partner may hold goes, page by page, into signed notices, each handle once; when
// every notice is attested the campaign ends and with it the handle key.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/registry/control_plane.h"
#include "server/revocation/notice.h"
#include "server/storage/store.h"

namespace postern::revocation {

// Writes the notices of one campaign. Remembers the handles that it has put into notices: 16 bytes a handle while it
// lives; one that is made after a restart reads them back from the notices. Not thread-safe.
class NoticeWriter {
 public:
  NoticeWriter(registry::ControlPlane* control, const CampaignOptions* options, std::string campaign)
      : control_(*control), options_(*options), campaign_(std::move(campaign)) {}

  // Writes the next notice and the campaign's progress in one transaction. False when the campaign was enumerated to
  // its end, by this call or before. Takes ControlPlane::mutex. A failed call may be repeated.
  absl::StatusOr<bool> WriteNext();

 private:
  using HandleKey = std::array<uint8_t, 16>;  // a handle is an HMAC: its first half is as unique
  struct Page;
  absl::Status Recover(const storage::CampaignRow& row);
  absl::StatusOr<Page> CollectPage(const storage::CampaignRow& row);
  absl::StatusOr<storage::GrantRef> Grant(storage::GrantId id);
  static HandleKey KeyOf(absl::string_view handle);

  registry::ControlPlane& control_;
  const CampaignOptions& options_;
  const std::string campaign_;
  bool recovered_ = false;
  absl::flat_hash_set<HandleKey> noticed_;
  absl::flat_hash_map<storage::GrantId, storage::GrantRef> grants_;
};

// Ends a campaign whose notices are all attested: CLOSED, or EXEMPTED while something is kept on a ground, and CLOSED
// when amendments leave nothing kept; the partner becomes TERMINATED if no other campaign of it is open; when nothing
// is kept any more, its handle key is destroyed. Does nothing if the campaign cannot end yet. The caller holds
// ControlPlane::mutex.
absl::Status EndCampaignIfDone(registry::ControlPlane& control, absl::string_view campaign);

// Flags campaigns past their due time, with an audit entry and an event each. Returns how many became overdue. Takes
// ControlPlane::mutex.
absl::StatusOr<int> FlagOverdueCampaigns(registry::ControlPlane& control);

}  // namespace postern::revocation
