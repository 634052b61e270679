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
  for (const storage::CampaignRow& row : rows) {
    const std::string& name = row.campaign.name();
    if (row.campaign.state() == v1::DeletionCampaign::STATE_ENUMERATING) {
      std::unique_ptr<NoticeWriter>& writer = writers_[name];
      if (writer == nullptr) writer = std::make_unique<NoticeWriter>(&control_, &options_, name);
      for (bool more = true; more && !loop_.stopping();) {
        POSTERN_ASSIGN_OR_RETURN(more, writer->WriteNext());
        ++written;
      }
      if (!loop_.stopping()) writers_.erase(name);
    } else if (row.campaign.state() == v1::DeletionCampaign::STATE_OPEN) {
      // A crash can come between the last attestation and the end of the campaign.
      absl::MutexLock lock(&control_.mutex);
      POSTERN_RETURN_IF_ERROR(EndCampaignIfDone(control_, name));
    }
  }
  return written;
}

}  // namespace postern::revocation
