#include "policy/projection/iban.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/ascii.h"
#include "policy/projection/digits.h"
#include "policy/projection/utf8.h"

namespace postern::policy {
namespace {

constexpr size_t kMinLength = 15;

// Length by country, from the SWIFT IBAN registry; 0 for countries that have none.
size_t LengthOf(char first, char second) {
  static constexpr struct {
    char country[3];
    uint8_t length;
  } kLengths[] = {{"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22},
                  {"BH", 22}, {"BI", 27}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24},
                  {"DE", 22}, {"DJ", 27}, {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18},
                  {"FK", 18}, {"FO", 18}, {"FR", 27}, {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27},
                  {"GT", 28}, {"HR", 21}, {"HU", 28}, {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26}, {"IT", 27},
                  {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20}, {"LU", 20},
                  {"LV", 21}, {"LY", 25}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MN", 20}, {"MR", 27},
                  {"MT", 31}, {"MU", 30}, {"NI", 28}, {"NL", 18}, {"NO", 15}, {"OM", 23}, {"PK", 24}, {"PL", 28},
                  {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"RU", 33}, {"SA", 24}, {"SC", 31},
                  {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"SO", 23}, {"ST", 25}, {"SV", 28},
                  {"TL", 23}, {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20}, {"YE", 30}};
  for (const auto& entry : kLengths) {
    if (entry.country[0] == first && entry.country[1] == second) return entry.length;
  }
  return 0;
}

struct Character {
  char folded;  // '\0' if neither letter nor digit
  bool separator;
  size_t begin, end;
};

std::vector<Character> Decode(absl::string_view text) {
  std::vector<Character> characters;
  for (size_t at = 0; at < text.size();) {
    uint32_t code_point = 0;
    const size_t decoded = utf8::Decode(text, at, &code_point);
    const size_t size = std::max<size_t>(1, decoded);
    if (decoded == 0) code_point = 0xfffd;
    const uint32_t ascii = FoldToAscii(code_point);
    const bool alnum = ascii < 0x80 && absl::ascii_isalnum(static_cast<unsigned char>(ascii));
    characters.push_back({alnum ? absl::ascii_toupper(static_cast<unsigned char>(ascii)) : '\0',
                          IsDigitSeparator(code_point), at, at + size});
    at += size;
  }
  return characters;
}

// ISO/IEC 7064 MOD 97-10 over the number with its first four characters moved to the end.
bool CheckDigitsHold(absl::string_view iban) {
  uint32_t rest = 0;
  for (size_t i = 0; i < iban.size(); ++i) {
    const char c = iban[(i + 4) % iban.size()];
    rest = absl::ascii_isdigit(static_cast<unsigned char>(c)) ? rest * 10 + static_cast<uint32_t>(c - '0')
                                                              : rest * 100 + static_cast<uint32_t>(c - 'A' + 10);
    rest %= 97;
  }
  return rest == 1;
}

// Index after the number that starts at `start`, or `start`.
size_t MatchAt(const std::vector<Character>& text, size_t start) {
  if (text.size() - start < kMinLength || !absl::ascii_isupper(static_cast<unsigned char>(text[start].folded)) ||
      !absl::ascii_isupper(static_cast<unsigned char>(text[start + 1].folded))) {
    return start;
  }
  const size_t length = LengthOf(text[start].folded, text[start + 1].folded);
  char iban[34];
  size_t count = 0, at = start;
  bool after_separator = true;
  while (count < length && at < text.size()) {
    if (text[at].folded != '\0') {
      iban[count++] = text[at].folded;
      after_separator = false;
    } else if (text[at].separator && !after_separator) {
      after_separator = true;
    } else {
      return start;
    }
    ++at;
  }
  if (length == 0 || count < length || (at < text.size() && text[at].folded != '\0')) return start;
  return CheckDigitsHold(absl::string_view(iban, count)) ? at : start;
}

}  // namespace

void FindIbans(absl::string_view text, absl::FunctionRef<void(size_t begin, size_t end)> found) {
  if (text.size() < kMinLength) return;
  const std::vector<Character> characters = Decode(text);
  for (size_t i = 0; i < characters.size();) {
    const bool at_border = i == 0 || characters[i - 1].folded == '\0';
    const size_t after = at_border ? MatchAt(characters, i) : i;
    if (after > i) found(characters[i].begin, characters[after - 1].end);
    i = after > i ? after : i + 1;
  }
}

}  // namespace postern::policy
