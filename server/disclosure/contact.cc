#include "server/disclosure/contact.h"

#include "absl/strings/ascii.h"

namespace postern::disclosure {

std::string NormaliseContact(absl::string_view contact) {
  contact = absl::StripAsciiWhitespace(contact);
  if (contact.find('@') != absl::string_view::npos) return absl::AsciiStrToLower(contact);
  std::string digits;
  for (const char c : contact) {
    if (absl::ascii_isdigit(static_cast<unsigned char>(c)) || (c == '+' && digits.empty())) digits.push_back(c);
  }
  return digits.empty() ? absl::AsciiStrToLower(contact) : digits;
}

}  // namespace postern::disclosure
