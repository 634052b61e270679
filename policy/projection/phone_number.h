// Telephone numbers in text: international form (ITU-T E.123) and common national forms.
#pragma once

#include <cstddef>

#include "absl/strings/string_view.h"

namespace postern::policy {

// An RE2 pattern for what may be a number; IsPhoneNumber decides.
inline constexpr char kPhoneCandidate[] =
    R"((?:[+＋][ ]?)?[(（]?\p{Nd}(?:[ ./()（）\x{a0}\x{2010}-\x{2015}-]{0,3}\p{Nd}){5,16})";

// The fewest digits that a candidate has.
inline constexpr size_t kPhoneCandidateDigits = 6;

// True if a candidate is a telephone number: an international one of 7 to 15 digits, one with a trunk zero, ten or
// eleven digits in a form that North America or China uses, or seven in two groups. Dates are not.
bool IsPhoneNumber(absl::string_view candidate);

}  // namespace postern::policy
