// Finds international bank account numbers (ISO 13616) in text: country code, two check digits, and the country's own
// length.
#pragma once

#include <cstddef>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"

namespace postern::policy {

// Calls `found` with the byte range of each, in order. Letters of either case; groups may be parted by single
// separators; full-width forms and digits of any script count as ASCII. Bytes
// that are not UTF-8 count as other characters.
void FindIbans(absl::string_view text, absl::FunctionRef<void(size_t begin, size_t end)> found);

}  // namespace postern::policy
