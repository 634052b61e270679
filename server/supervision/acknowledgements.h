// What the times of one partner's acknowledgements tell about its past.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "proto/postern/v1/contract.pb.h"
#include "proto/postern/v1/supervision_service.pb.h"

namespace postern::supervision {

// The UTC hours in which a partner may fetch; nullopt where some contract does not say, or there is none: a stream is
// the partner's, not a contract's.
std::optional<std::set<int>> FetchHours(const std::vector<v1::Contract>& contracts);

// Streaming; a few numbers for each hour and day. Not thread-safe.
class AcknowledgementHistory {
 public:
  void Add(absl::Time disclosed, absl::Time acknowledged);

  // One finding for each UTC day, in order, on which a record was acknowledged later than `limit` after it was
  // disclosed: the slowest. The ledger does not tell when it was handed over, so that a partner which was not connected
  // looks late too.
  std::vector<v1::SupervisionFinding> Late(absl::Duration limit) const;
  // One for each UTC day, in order, on which records were acknowledged in an hour that is not among `hours`: the first
  // such hour, with its count.
  std::vector<v1::SupervisionFinding> OffSchedule(const std::set<int>& hours) const;

 private:
  struct Slowest {
    absl::Duration took = absl::ZeroDuration();
    absl::Time acknowledged;
  };
  std::map<absl::CivilDay, Slowest> days_;
  std::map<absl::CivilHour, int64_t> hours_;
};

}  // namespace postern::supervision
