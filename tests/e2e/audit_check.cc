#include "tests/e2e/audit_check.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/verify/checkpoint.h"
#include "client/verify/leaf.h"
#include "client/verify/merkle.h"
#include "client/verify/signed_note.h"

namespace postern::testing {

std::string CheckAuditLog(RetailShop& shop) {
  namespace verify = client::verify;
  const auto auditor = shop.Auditor();
  v1::GetCheckpointResponse signed_head;
  if (!auditor->GetCheckpoint(Deadline().get(), v1::GetCheckpointRequest(), &signed_head).ok()) return "no checkpoint";
  const auto verifier = verify::NoteVerifier::Parse(signed_head.verifier_key());
  if (!verifier.ok()) return verifier.status().ToString();
  const auto checkpoint = verify::OpenCheckpoint(signed_head.checkpoint(), *verifier);
  if (!checkpoint.ok()) return checkpoint.status().ToString();
  verify::LogRecomputer log;
  while (log.size() < checkpoint->size) {
    v1::ListEntriesRequest request;
    request.set_start(log.size());
    request.set_limit(static_cast<int>(std::min<uint64_t>(1000, checkpoint->size - log.size())));
    v1::ListEntriesResponse response;
    if (!auditor->ListEntries(Deadline().get(), request, &response).ok() || response.leaves().empty()) {
      return absl::StrCat("the log ends at leaf ", log.size());
    }
    for (const std::string& leaf : response.leaves()) log.Add(leaf);
  }
  return log.Root() == checkpoint->root ? "" : "the leaves do not give the signed root";
}

}  // namespace postern::testing
