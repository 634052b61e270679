#include "server/revocation/campaign_runner.h"

#include <optional>
#include <utility>
#include <vector>

#include "proto/errors/error.h"

namespace postern::revocation {
namespace {

// How soon a round that failed is tried again.
constexpr absl::Duration kInterval = absl::Seconds(1);

}  // namespace

CampaignRunner::CampaignRunner(registry::ControlPlane* control, CampaignOptions options)
    : control_(*control), options_(std::move(options)), loop_(kInterval, [this] {
        if (!RunOnce().ok()) ++failed_rounds_;
      }) {}

absl::StatusOr<int64_t> CampaignRunner::RunOnce() {
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::CampaignRow> rows, control_.store->ListCampaigns(std::nullopt));
  int64_t written = 0;
  absl::Status first;
  for (const storage::CampaignRow& row : rows) {
    const v1::DeletionCampaign& campaign = row.campaign;
    if (campaign.state() == v1::DeletionCampaign::STATE_ENUMERATING) {
      first.Update(Enumerate(campaign.name(), &written));
    } else if (campaign.state() == v1::DeletionCampaign::STATE_OPEN &&
               campaign.attested_count() >= campaign.notice_count()) {
      // A crash can come between the last attestation and the end of the campaign.
      absl::MutexLock lock(&control_.mutex);
      first.Update(EndCampaignIfDone(control_, campaign.name()));
    }
  }
  if (!first.ok()) return first;
  return written;
}

absl::Status CampaignRunner::Enumerate(const std::string& name, int64_t* written) {
  std::unique_ptr<NoticeWriter>& writer = writers_[name];
  if (writer == nullptr) writer = std::make_unique<NoticeWriter>(&control_, &options_, name);
  for (bool more = true; more && !loop_.stopping();) {
    POSTERN_ASSIGN_OR_RETURN(more, writer->WriteNext());
    ++*written;
  }
  if (!loop_.stopping()) writers_.erase(name);
  return absl::OkStatus();
}

}  // namespace postern::revocation
