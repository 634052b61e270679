// What the verifier finds in a released text by itself, with nothing of the projector's: card numbers and e-mail
// addresses, read as policy/projection/README.md defines digits, groups and numbers. It finds less than the projector
// looks for, and nothing that the projector may leave.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace postern::policy {

// The fewest digits that a card number has.
inline constexpr size_t kFewestCardDigits = 13;

// The value of a decimal digit of any script (Unicode 15, category Nd), or -1.
int DecimalValue(uint32_t code_point);

// How many digits `text` has, whatever their script. Bytes that are no UTF-8 are none.
size_t CountDigits(absl::string_view text);

// Whole neighbouring groups of digits, parted by one space or dash, that are a Visa, Mastercard or American Express
// number and touch nothing that might be an IBAN.
bool HasPlainCardNumber(absl::string_view text);

// An address in ASCII.
bool HasPlainEmail(absl::string_view text);

}  // namespace postern::policy
