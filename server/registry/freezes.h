// Categories that are stopped while complaints are looked into.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/postern/v1/investigation.pb.h"
#include "server/storage/store.h"

namespace postern::registry {

class Freezes {
 public:
  // Those of every open investigation that were not lifted. LEDGER_UNAVAILABLE.
  static absl::StatusOr<Freezes> Read(storage::Store& store);

  // Whether a grant of `partner` that releases `categories` is stopped.
  bool Cover(absl::string_view partner, const std::vector<std::string>& categories) const;

 private:
  std::vector<v1::Freeze> freezes_;
};

// Whether one freeze stops a grant of `partner` that releases `categories`. A freeze of a whole partner does not: that
// is suspended.
bool Covers(const v1::Freeze& freeze, absl::string_view partner, const std::vector<std::string>& categories);

}  // namespace postern::registry
