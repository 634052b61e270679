#include "server/registry/freezes.h"

#include <algorithm>

#include "proto/errors/error.h"

namespace postern::registry {
namespace {

constexpr int kPage = 1000;

}  // namespace

bool Covers(const v1::Freeze& freeze, absl::string_view partner, const std::vector<std::string>& categories) {
  if (freeze.category().empty() || freeze.has_lift_time()) return false;
  if (!freeze.partner().empty() && partner != absl::string_view(freeze.partner())) return false;
  return std::find(categories.begin(), categories.end(), freeze.category()) != categories.end();
}

absl::StatusOr<Freezes> Freezes::Read(storage::Store& store) {
  Freezes found;
  for (int64_t offset = 0;; offset += kPage) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::InvestigationRow> rows,
                             store.ListInvestigations(/*open_only=*/true, offset, kPage));
    for (const storage::InvestigationRow& row : rows) {
      for (const v1::Freeze& freeze : row.investigation.freezes()) {
        if (!freeze.has_lift_time() && !freeze.category().empty()) found.freezes_.push_back(freeze);
      }
    }
    if (static_cast<int>(rows.size()) < kPage) return found;
  }
}

bool Freezes::Cover(absl::string_view partner, const std::vector<std::string>& categories) const {
  return std::any_of(freezes_.begin(), freezes_.end(),
                     [&](const v1::Freeze& freeze) { return Covers(freeze, partner, categories); });
}

}  // namespace postern::registry
