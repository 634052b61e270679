#include "policy/language/values.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace postern::policy {
namespace {

constexpr size_t kMaxIdLength = 63;

// Lower-case letters, digits and inner dashes, begins with a letter.
bool IsResourceId(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxIdLength && absl::ascii_islower(text.front()) && text.back() != '-' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-'; });
}

bool IsQualifiedName(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  return std::all_of(parts.begin(), parts.end(), [](absl::string_view part) {
    return !part.empty() && !absl::ascii_isdigit(part.front()) &&
           std::all_of(part.begin(), part.end(), [](char c) { return absl::ascii_isalnum(c) || c == '_'; });
  });
}

}  // namespace

bool IsId(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxIdLength && absl::ascii_islower(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_'; });
}

bool IsSha256(absl::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f'); });
}

bool IsCountryCode(absl::string_view text) {
  return text.size() == 2 && absl::ascii_isupper(text[0]) && absl::ascii_isupper(text[1]);
}

bool IsMethodPath(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  return parts.size() == 3 && parts[0].empty() && IsQualifiedName(parts[1]) && IsQualifiedName(parts[2]) &&
         parts[2].find('.') == absl::string_view::npos;
}

bool IsUrlPath(absl::string_view text) {
  constexpr absl::string_view kForbidden = "\"#<>\\^`{|}";
  return absl::StartsWith(text, "/") && text.size() <= 1024 && std::all_of(text.begin(), text.end(), [&](char c) {
           return absl::ascii_isgraph(static_cast<unsigned char>(c)) && kForbidden.find(c) == absl::string_view::npos;
         });
}

std::string PartnerOf(absl::string_view contract_name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(contract_name, '/');
  if (parts.size() != 4 || parts[0] != "partners" || !IsResourceId(parts[1]) || parts[2] != "contracts" ||
      !IsResourceId(parts[3])) {
    return "";
  }
  return absl::StrCat("partners/", parts[1]);
}

}  // namespace postern::policy
