// Forms that values of the language must have. Days are checked by ParseDay of policy/projection/date_value.h.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace postern::policy {

// Lower snake case, begins with a letter, at most 63 characters.
bool IsId(absl::string_view text);
// 64 lower-case hex digits.
bool IsSha256(absl::string_view text);
// Two upper-case letters.
bool IsCountryCode(absl::string_view text);
// "/package.Service/Method".
bool IsMethodPath(absl::string_view text);
// The path, and query if there is one, of a URL, as a request carries it: from "/" on, printable ASCII but for space,
// "#" and what RFC 3986 has no place for.
bool IsUrlPath(absl::string_view text);
// The partner of a contract name: "partners/p" of "partners/p/contracts/c"; empty if the name is malformed.
std::string PartnerOf(absl::string_view contract_name);

}  // namespace postern::policy
