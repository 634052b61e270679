// Hints for misspelt names.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace postern::policy {

// "did you mean "x"?" for the candidate with the smallest edit distance, empty if none is near. Ties: the first.
std::string DidYouMean(absl::string_view name, const std::vector<std::string>& candidates);

}  // namespace postern::policy
