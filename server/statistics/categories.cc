#include "server/statistics/categories.h"

#include <set>

#include "absl/container/flat_hash_set.h"
#include "policy/projection/projector.h"
#include "proto/errors/error.h"

namespace postern::statistics {

absl::StatusOr<const ReleasedCategories::Facts*> ReleasedCategories::Of(storage::GrantId grant,
                                                                        const std::vector<uint64_t>& withheld_bits) {
  std::pair<storage::GrantId, std::vector<uint64_t>> key(grant, withheld_bits);
  if (const auto known = known_.find(key); known != known_.end()) return known->second.get();
  POSTERN_ASSIGN_OR_RETURN(const rights::GrantFacts* granted, grants_.Of(grant));
  absl::flat_hash_set<std::string> withheld;
  if (granted->active != nullptr) {
    for (const policy::WithheldField& field : policy::WithheldFromBits(*granted->active->grant->plan, withheld_bits)) {
      withheld.insert(field.path);
    }
  }
  std::set<std::string> categories;
  for (const v1::AccessEntry::DisclosedField& field : granted->fields) {
    if (!field.category().empty() && !withheld.contains(field.path())) categories.insert(field.category());
  }
  auto facts = std::make_unique<Facts>();
  facts->purpose = granted->ref.purpose;
  facts->categories.assign(categories.begin(), categories.end());
  return (known_[std::move(key)] = std::move(facts)).get();
}

}  // namespace postern::statistics
