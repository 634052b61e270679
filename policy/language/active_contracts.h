// A bundle as it holds: its contracts not as they were last sent, but as the revisions say that are in force.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "policy/language/compiler.h"

namespace postern::policy {

// The contract in a text, or nothing if the text is of another layer or does not parse.
std::optional<v1::Contract> ContractIn(const TextSource& source);

// `sources` with each contract file's text replaced by that under the contract's name in `texts`; contracts without
// one are left out, and texts of contracts that `sources` does not have are not used.
BundleSources WithActiveContracts(BundleSources sources, const std::map<std::string, std::string>& texts);

}  // namespace postern::policy
