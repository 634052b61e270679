// A campaign's evidence, in a folder: evidence.binpb, which `campaign verify` checks offline, and index.html for
// people.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/ctl/session.h"
#include "proto/postern/v1/campaign_evidence.pb.h"

namespace postern::client::ctl {

// Asks the gateway for the campaign, its notices and the partner's keys, and with `log` for what the audit log has
// about them, with proofs, which takes the auditor's role. The gateway's errors; DATA_LOSS if the log does not fit its
// own checkpoint.
absl::StatusOr<v1::CampaignEvidence> CollectEvidence(Session& session, const std::string& campaign, bool log);

// The page for people. Says what was signed, and where it is: verification is another thing.
std::string EvidencePage(const v1::CampaignEvidence& evidence);

// Creates the folder where it is missing. INVALID_ARGUMENT names the file that cannot be written or read.
absl::Status WriteEvidence(const std::string& folder, const v1::CampaignEvidence& evidence);
absl::StatusOr<v1::CampaignEvidence> ReadEvidence(const std::string& folder);

}  // namespace postern::client::ctl
