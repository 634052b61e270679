// The name under which a person without an id is found.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace postern::disclosure {

// One form for the ways to write a contact, so that the same person is found again: e-mail addresses in lower case, of
// phone numbers the digits and a leading plus.
std::string NormaliseContact(absl::string_view contact);

}  // namespace postern::disclosure
