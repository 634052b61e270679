#include "policy/projection/phone_number.h"

#include <cstdint>
#include <string>

#include "policy/projection/digits.h"
#include "policy/projection/utf8.h"

namespace postern::policy {
namespace {

// "2026-01-31", "31.01.2026", "1/2/26".
bool IsDateForm(const std::string& form) {
  size_t groups[3] = {0, 0, 0};
  size_t group = 0;
  for (const char c : form) {
    if (c != ' ') {
      ++groups[group];
    } else if (++group > 2) {
      return false;
    }
  }
  if (group != 2) return false;
  const bool year_first = groups[0] == 4 && groups[1] <= 2 && groups[2] <= 2;
  const bool year_last = groups[0] <= 2 && groups[1] <= 2 && (groups[2] == 2 || groups[2] == 4);
  return year_first || year_last;
}

}  // namespace

bool IsPhoneNumber(absl::string_view candidate) {
  std::string digits;
  std::string form;  // digits with one space between groups
  bool plus = false, bracket = false;
  for (size_t at = 0; at < candidate.size();) {
    uint32_t code_point = 0;
    const size_t size = utf8::Decode(candidate, at, &code_point);
    if (size == 0) return false;
    const uint32_t c = FoldToAscii(code_point);
    plus |= c == '+';
    bracket |= c == '(';
    if (c >= '0' && c <= '9') {
      digits.push_back(static_cast<char>(c));
      form.push_back(static_cast<char>(c));
    } else if (!form.empty() && form.back() != ' ') {
      form.push_back(' ');
    }
    at += size;
  }
  const size_t count = digits.size();
  if (plus) return count >= 7 && count <= 15;
  if (IsDateForm(form)) return false;
  if (digits[0] == '0' && digits[1] == '0') return count >= 9 && count <= 17;
  if (digits[0] == '0') return count >= 8 && count <= 12;
  const bool grouped = form.size() > count;
  if (count == 11) return digits[0] == '1' || grouped;
  if (count == 10) return true;
  if (bracket) return count >= 7 && count <= 15;
  return count == 7 && form.find(' ') == 3 && form.rfind(' ') == 3;
}

}  // namespace postern::policy
