// What one compiled contract releases compared with another: the ground for asking a second person, and for
// withdrawing a backlog. Pure.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "policy/language/compiler.h"

namespace postern::registry {

// One grant of one contract.
struct GrantKey {
  std::string contract;
  std::string purpose;
  std::string record_type;
  friend auto operator<=>(const GrantKey&, const GrantKey&) = default;
};

// A contract's change, line by line: "+ delivery shop.v1.Shipment recipient.phone", "-" likewise, "~" for a leaf that
// leaves under other terms.
struct ContractDiff {
  // `after` releases something that `before` did not, or for longer, to another place or under another legal frame, or
  // asks less of the partner when it has to delete.
  bool widening = false;
  std::vector<std::string> changes;
};
// `before` may be null: the first revision of a contract.
ContractDiff DiffContracts(const policy::CompiledContract* before, const policy::CompiledContract& after);

// Adds the grants of `before` that `after` (null: the contract is gone) does not release in full.
void AddNarrowed(const policy::CompiledContract& before, const policy::CompiledContract* after,
                 std::set<GrantKey>* narrowed);

}  // namespace postern::registry
