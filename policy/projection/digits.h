// Digits and letters that look the same to a reader: decimal digits of every script, full-width Latin letters.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace postern::policy {

// The value of a decimal digit (general category Nd, Unicode 15), or -1.
int DigitValue(uint32_t code_point);

// ASCII for decimal digits of any script and for full-width ASCII forms; every other code point unchanged.
uint32_t FoldToAscii(uint32_t code_point);

// True for what people put between groups of digits: spaces, dashes, dots, and characters that do not show.
bool IsDigitSeparator(uint32_t code_point);

// False if `text`, of any encoding, has fewer than `count` digits for certain; a pass over its bytes that decodes
// nothing.
bool MayHoldDigits(absl::string_view text, size_t count);

// The sign before an international telephone number, in any of its widths.
bool IsPlus(uint32_t code_point);

}  // namespace postern::policy
