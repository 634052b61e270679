// Finds payment card numbers in text.
//
// A card number is 13 to 19 digits of any script, in groups that spaces, dashes, dots or invisible characters may part
// (at most three between two digits), that pass the Luhn check (ISO/IEC 7812-1 annex B) and start like a number of a
// known issuer at a length that issuer uses. A longer unbroken string of digits is not searched for numbers inside it.
// Not card numbers: what is part of an IBAN, and 13 digits directly behind a plus sign, which are a telephone number.
#pragma once

#include <cstddef>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"

namespace postern::policy {

// Calls `found` with the byte range of each card number, in order, without overlaps. Text need not be valid UTF-8:
// bytes that are not count as other characters. Linear time; text with few digits costs one pass over its bytes.
void FindCardNumbers(absl::string_view text, absl::FunctionRef<void(size_t begin, size_t end)> found);

bool HasCardNumber(absl::string_view text);

}  // namespace postern::policy
