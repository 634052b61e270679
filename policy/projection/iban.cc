#include "policy/projection/iban.h"

#include <array>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "policy/projection/digits.h"
#include "policy/projection/utf8.h"

namespace postern::policy {
namespace {

constexpr size_t kMinLength = 15;  // Norway
constexpr size_t kMaxLength = 34;
constexpr size_t kCheckDigitsEnd = 4;  // two letters for the country, two check digits

// Lengths by country, from the SWIFT IBAN registry.
constexpr struct {
  char country[3];
  uint8_t length;
} kCountries[] = {{"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22},
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

// By the letters of the country; 0 for countries that have none.
constexpr auto kLengths = [] {
  std::array<std::array<uint8_t, 26>, 26> lengths{};
  for (const auto& entry : kCountries) lengths[entry.country[0] - 'A'][entry.country[1] - 'A'] = entry.length;
  return lengths;
}();

struct Character {
  char folded;  // upper-case ASCII; '\0' if neither letter nor digit
  bool separator;
  size_t end;  // in the text
};

Character Read(absl::string_view text, size_t at) {
  uint32_t code_point = 0;
  const size_t decoded = utf8::Decode(text, at, &code_point);
  if (decoded == 0) return {'\0', false, at + 1};
  const uint32_t ascii = FoldToAscii(code_point);
  const bool alnum = ascii < 0x80 && absl::ascii_isalnum(static_cast<unsigned char>(ascii));
  return {alnum ? absl::ascii_toupper(static_cast<unsigned char>(ascii)) : '\0', !alnum && IsDigitSeparator(code_point),
          at + decoded};
}

bool IsLetter(char folded) {
  return folded >= 'A';
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

// Where the number ends that begins with the letter at `start`, or `start`.
size_t MatchAt(absl::string_view text, size_t start) {
  const Character first = Read(text, start);
  if (first.end == text.size()) return start;
  const Character second = Read(text, first.end);
  if (!IsLetter(second.folded)) return start;
  const size_t length = kLengths[first.folded - 'A'][second.folded - 'A'];
  if (length == 0) return start;
  char iban[kMaxLength] = {first.folded, second.folded};
  size_t count = 2, at = second.end;
  bool after_separator = false;
  while (count < length) {
    if (at == text.size()) return start;
    const Character next = Read(text, at);
    if (next.folded != '\0') {
      if (count < kCheckDigitsEnd && IsLetter(next.folded)) return start;  // as most words end here
      iban[count++] = next.folded;
      after_separator = false;
    } else if (next.separator && !after_separator) {
      after_separator = true;
    } else {
      return start;
    }
    at = next.end;
  }
  const bool ends = at == text.size() || Read(text, at).folded == '\0';
  return ends && CheckDigitsHold(absl::string_view(iban, count)) ? at : start;
}

}  // namespace

void FindIbans(absl::string_view text, absl::FunctionRef<void(size_t begin, size_t end)> found) {
  bool at_border = true;
  for (size_t at = 0; at + kMinLength <= text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x80 && !(at_border && absl::ascii_isalpha(byte))) {  // most of a text
      at_border = !absl::ascii_isalnum(byte);
      ++at;
      continue;
    }
    const Character next = Read(text, at);
    const size_t end = at_border && IsLetter(next.folded) ? MatchAt(text, at) : at;
    if (end > at) found(at, end);
    at_border = end == at && next.folded == '\0';
    at = end > at ? end : next.end;
  }
}

}  // namespace postern::policy
