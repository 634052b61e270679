// Rectification: a corrected record goes to every partner that has the old one or waits for it.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "proto/postern/v1/subject_rights_service.pb.h"
#include "server/disclosure/discloser.h"
#include "server/identity/principal.h"
#include "server/rights/plane.h"
#include "server/storage/store.h"

namespace postern::rights {

// Thread-safe; methods block on the store. The new version is committed before older ones that wait are withdrawn: a
// crash between the two leaves both in order, and a retry ends what was begun. A late retry of the old version is
// refused by the ledger, which counts versions for each partner, purpose and record.
class Rectifier {
 public:
  Rectifier(RightsPlane* plane, disclosure::Discloser* discloser) : plane_(*plane), discloser_(*discloser) {}

  // Refusals of single partners are in the response. INVALID_ARGUMENT, RECORD_TYPE_UNKNOWN, POLICY_ABSENT; NOT_FOUND if
  // no partner has the record; ORDER_SHIPPED; the errors of Discloser::Create.
  absl::StatusOr<v1::RectifyRecordResponse> Rectify(const identity::Principal& caller,
                                                    const v1::RectifyRecordRequest& request);

 private:
  // What the record says of itself.
  struct Facts {
    storage::Mac16 order{};
    storage::Mac16 record_key{};
    uint64_t version = 0;
  };
  using Targets = std::set<std::pair<std::string, std::string>>;  // partner, purpose

  absl::StatusOr<Facts> ReadFacts(const v1::Record& record, const registry::Snapshot& snapshot) const;
  // Who has a version of the record and has not attested that it is gone, or waits for one.
  absl::StatusOr<Targets> FindHolders(const Facts& facts, const std::string& record_type,
                                      std::shared_ptr<const registry::Snapshot> snapshot) const;
  absl::Status CheckReroute(const Facts& facts) const;
  absl::Status Disclose(const identity::Principal& caller, const v1::RectifyRecordRequest& request,
                        const Targets& targets, v1::RectifyRecordResponse* response);

  RightsPlane& plane_;
  disclosure::Discloser& discloser_;
};

}  // namespace postern::rights
