#include "tests/unit/policy/projection/random_text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/unit/policy/projection/card_corpus.h"

namespace postern::policy::testing {
namespace {

// Zeros of scripts of two, three and four bytes a digit.
constexpr uint32_t kZeros[] = {'0', 0x660, 0x6f0, 0x966, 0xe50, 0x17e0, 0xff10, 0x1d7ce, 0x1d7f6, 0x11f50, 0x1fbf0};

}  // namespace

std::string RandomText::Make() {
  std::string text;
  for (size_t pieces = 1 + Below(6); pieces > 0; --pieces) {
    absl::StrAppend(&text, Piece());
    if (Chance(40)) absl::StrAppend(&text, Separator());
  }
  return text;
}

std::string RandomText::Piece() {
  static constexpr const char* kOther[] = {
      "word", "Anna", "card", "Nr.",        "DE",         "@",          "＠",     "+",       "＋",
      ".",    ",",    ":",    "*",          "\n",         "[card]",     "[iban]", "[email]", "[phone]",
      "[ca",  "[",    "]",    "中文",       "é",          "e\u0301",    "\n\1",   "٬",       "½",
      "²",    "Ⅷ",    "①",    "\U0001F600", "2026-06-15", "31.01.2026", "10:30",  "8001"};
  switch (Below(10)) {
    case 0:
    case 1:
    case 2:
      return Written(Card());
    case 3:
    case 4:
      return Written(Iban());
    case 5:
      return Written(Digits(1 + Below(24)));
    case 6:
      return Phone();
    case 7:
      return Email();
    default:
      return OneOf(kOther);
  }
}

std::string RandomText::Digits(size_t count) {
  std::string out;
  while (out.size() < count) out.push_back(static_cast<char>('0' + Below(10)));
  return out;
}

std::string RandomText::Card() {
  static constexpr struct {
    const char* prefix;
    size_t length;
  } kIssuers[] = {{"4", 16},  {"4", 13},   {"4", 19},    {"51", 16},   {"55", 16}, {"2221", 16}, {"34", 15},
                  {"37", 15}, {"300", 14}, {"6011", 16}, {"3528", 16}, {"62", 19}, {"6304", 18}, {"1", 15}};
  const auto& issuer = OneOf(kIssuers);
  const std::string prefix = issuer.prefix;
  const std::string card = WithLuhn(prefix + Digits(issuer.length - 1 - prefix.size()));
  if (Chance(20)) return card + Digits(1 + Below(4));  // a longer run
  if (Chance(10)) return Digits(1 + Below(4)) + card;
  return card;
}

std::string RandomText::Iban() {
  static constexpr struct {
    const char* country;
    size_t length;
  } kCountries[] = {{"NO", 15}, {"DE", 22}, {"CH", 21}, {"GB", 22}, {"FR", 27}, {"MT", 31},
                    {"SE", 24}, {"BE", 16}, {"RU", 33}, {"XX", 20}, {"CA", 22}};
  const auto& country = OneOf(kCountries);
  std::string account;
  while (account.size() + 4 < country.length) {
    account.push_back(Chance(90) ? static_cast<char>('0' + Below(10)) : static_cast<char>('A' + Below(26)));
  }
  const uint32_t check = 98 - Modulo97(absl::StrCat(account, country.country, "00"));
  std::string iban = absl::StrCat(country.country, absl::StrFormat("%02d", check), account);
  if (Chance(15)) iban[Below(iban.size())] = '7';
  return iban;
}

std::string RandomText::Phone() {
  switch (Below(4)) {
    case 0:
      return absl::StrCat(Chance(80) ? "+" : "＋", Written(Digits(7 + Below(9))));
    case 1:
      return Written("00" + Digits(8 + Below(6)));
    case 2:
      return absl::StrCat("(", Written("0" + Digits(2)), ") ", Written(Digits(7)));
    default:
      return Written("0" + Digits(8 + Below(4)));
  }
}

std::string RandomText::Email() {
  static constexpr const char* kLocals[] = {"a",          "anna.berg",        "x-1", "имя", "[card]",
                                            "o'neil+tag", "4111111111111111", "."};
  static constexpr const char* kDomains[] = {"b.ch", "z-1.example.org", "пример.рф", "b",
                                             "b.",   "例え。テスト",    "a@b.c",     "1.2"};
  return absl::StrCat(OneOf(kLocals), Chance(85) ? "@" : "＠", OneOf(kDomains));
}

std::string RandomText::Written(const std::string& characters) {
  const bool mixed = Chance(20), wide = Chance(15), grouped = Chance(50);
  const size_t even = Chance(60) ? 4 : 0;
  const std::string separator = Separator();
  uint32_t zero = Chance(50) ? '0' : OneOf(kZeros);
  std::string out;
  size_t since = 0;
  for (const char c : characters) {
    if (grouped && since > 0 && (even != 0 ? since == even : Chance(25))) {
      absl::StrAppend(&out, Chance(95) ? separator : Separator());
      since = 0;
    }
    ++since;
    if (mixed && Chance(30)) zero = OneOf(kZeros);
    if (absl::ascii_isdigit(static_cast<unsigned char>(c))) {
      absl::StrAppend(&out, Utf8(zero + static_cast<uint32_t>(c - '0')));
    } else {
      const char cased = Chance(20) ? absl::ascii_tolower(static_cast<unsigned char>(c)) : c;
      absl::StrAppend(&out, Utf8(static_cast<uint32_t>(cased) + (wide ? 0xfee0 : 0)));
    }
  }
  return out;
}

std::string RandomText::Separator() {
  static constexpr const char* kSeparators[] = {
      " ",  " ",    " ",      "-",      "-",      ".",      "_",      "  ",     "   ", "    ", " - ",
      "\t", "\r\n", "\u00a0", "\u00ad", "\u2013", "\u200b", "\u3000", "\ufeff", "/",   ", ",   "x"};
  return OneOf(kSeparators);
}

}  // namespace postern::policy::testing
