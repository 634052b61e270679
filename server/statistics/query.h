// Tells what is counted, of periods that are over and of groups that are large enough.
#pragma once

#include "absl/status/statusor.h"
#include "proto/postern/v1/statistics_service.pb.h"
#include "server/storage/store.h"

namespace postern::statistics {

// Thread-safe.
class Statistics {
 public:
  // `group_size` is kLeastGroupSize to kMostGroupSize. The store is borrowed.
  Statistics(storage::Store* store, int group_size) : store_(*store), group_size_(group_size) {}

  // INVALID_ARGUMENT, LEDGER_UNAVAILABLE.
  absl::StatusOr<v1::QueryStatisticsResponse> Query(const v1::QueryStatisticsRequest& request);

 private:
  storage::Store& store_;
  const int group_size_;
};

}  // namespace postern::statistics
