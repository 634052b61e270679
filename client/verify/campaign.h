// Checks a whole deletion campaign from the evidence that `posternctl campaign export` wrote, without any gateway and
// without a line of its code.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/verify/public_key.h"
#include "client/verify/signed_note.h"
#include "proto/postern/v1/campaign_evidence.pb.h"

namespace postern::client::verify {

// What the evidence shows. Counts are recomputed from what was signed, never read from the campaign.
struct CampaignFindings {
  int64_t notices = 0;
  int64_t attested = 0;              // by a key of the partner's
  int64_t amendments = 0;            // answers that took the place of an earlier one
  int64_t attested_by_document = 0;  // on two persons' word: nothing in the evidence proves it
  int64_t handles = 0;               // different ones
  int64_t deleted = 0;               // last word on each handle
  int64_t not_found = 0;
  int64_t exempted = 0;
  int64_t open = 0;       // handles of notices without an attestation
  int64_t entries = 0;    // of the audit log, proven; 0 if the evidence has none
  std::string origin;     // of the gateway that issued the notices
  bool complete = false;  // every handle is deleted or not found, by signed word
};

// Verifies signatures, digests, page numbers, handle sets, attestation times, chains of amendments, the campaign's own
// counts and state, and, where the evidence has entries, that the log under its checkpoint tells the same story: the
// campaign, every notice by digest, every attestation. DATA_LOSS names the first thing that does not fit. `notice_keys`
// are those of the gateway, and `log` its log's, got from elsewhere; without `log` entries are not looked at.
absl::StatusOr<CampaignFindings> VerifyCampaign(const v1::CampaignEvidence& evidence,
                                                absl::Span<const PublicKey> notice_keys, const NoteVerifier* log);

}  // namespace postern::client::verify
