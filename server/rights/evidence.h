// What the gateway knows about a complaint, page by page: disclosures, notices with their answers, findings, and the
// part of the audit log that is about it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/postern/v1/investigation_service.pb.h"
#include "server/identity/principal.h"
#include "server/rights/investigation_desk.h"
#include "server/rights/plane.h"
#include "server/storage/store.h"

namespace postern::rights {

// Thread-safe; blocks on the store.
class EvidenceReader {
 public:
  // `verifier_key` is that of the audit log.
  EvidenceReader(RightsPlane* plane, InvestigationDesk* desk, std::string verifier_key)
      : plane_(*plane), desk_(*desk), verifier_key_(std::move(verifier_key)) {}

  // A page. Nothing of it is kept. INVALID_ARGUMENT, NOT_FOUND, ROLE_DENIED where a minor is concerned,
  // LEDGER_UNAVAILABLE.
  absl::StatusOr<v1::ExportEvidenceResponse> Export(const identity::Principal& caller,
                                                    const v1::ExportEvidenceRequest& request);

 private:
  struct Matter;
  struct Place;
  absl::StatusOr<Matter> ReadMatter(v1::Investigation investigation);
  // Each adds at most `size` items from `place` on and moves it; to the next kind when there is no more.
  absl::Status AddDisclosures(const Matter& matter, uint64_t tree_size, int size, Place* place,
                              v1::ExportEvidenceResponse* page);
  absl::Status AddNotices(const Matter& matter, int size, Place* place, v1::ExportEvidenceResponse* page);
  absl::Status AddFindings(const Matter& matter, int size, Place* place, v1::ExportEvidenceResponse* page);
  absl::Status AddEntries(const Matter& matter, uint64_t tree_size, int size, Place* place,
                          v1::ExportEvidenceResponse* page);
  // The first leaf of the time in question, or one before it.
  absl::StatusOr<uint64_t> FirstLeaf(absl::Time start, uint64_t size);

  RightsPlane& plane_;
  InvestigationDesk& desk_;
  const std::string verifier_key_;
};

}  // namespace postern::rights
