#include "tests/unit/policy/projection/card_corpus.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace postern::policy::testing {
namespace {

// What the networks publish of their ranges: first and last issuer identification number, and one length.
struct IssuerRange {
  const char* name;
  int64_t first, last;
  size_t length;
};
constexpr IssuerRange kRanges[] = {
    {"Visa 13", 4, 4, 13},
    {"Visa 16", 4, 4, 16},
    {"Visa 19", 4, 4, 19},
    {"Mastercard 51-55", 51, 55, 16},
    {"Mastercard 2221-2720", 2221, 2720, 16},
    {"American Express 34", 34, 34, 15},
    {"American Express 37", 37, 37, 15},
    {"Diners Club 300-305", 300, 305, 14},
    {"Diners Club 3095", 3095, 3095, 16},
    {"Diners Club 36", 36, 36, 14},
    {"Diners Club 38-39", 38, 39, 19},
    {"Discover 6011", 6011, 6011, 16},
    {"Discover 644-649", 644, 649, 16},
    {"Discover 65", 65, 65, 19},
    {"JCB 3528-3589", 3528, 3589, 16},
    {"JCB 1800", 1800, 1800, 15},
    {"JCB 2131", 2131, 2131, 15},
    {"UnionPay 62", 62, 62, 16},
    {"UnionPay 62, 19 digits", 62, 62, 19},
    {"UnionPay 81", 81, 81, 17},
    {"Maestro 5018", 5018, 5018, 13},
    {"Maestro 5020", 5020, 5020, 16},
    {"Maestro 5038", 5038, 5038, 18},
    {"Maestro 5893", 5893, 5893, 16},
    {"Maestro 6304", 6304, 6304, 19},
    {"Maestro 6759-6763", 6759, 6763, 16},
    {"Mir 2200-2204", 2200, 2204, 16},
    {"RuPay 60", 60, 60, 16},
    {"RuPay 82", 82, 82, 16},
    {"RuPay 508", 508, 508, 16},
    {"Troy 9792", 9792, 9792, 16},
    {"Elo 506699-506778", 506699, 506778, 16},
    {"Elo 509000-509999", 509000, 509999, 16},
    {"Verve 506099-506198", 506099, 506198, 19},
    {"Verve 507865-507964", 507865, 507964, 16},
    {"Dankort 5019", 5019, 5019, 16},
    {"Napas 9704", 9704, 9704, 16},
    {"InterPayment 636", 636, 636, 16},
    {"InstaPayment 637-639", 637, 639, 16},
    {"UzCard 8600", 8600, 8600, 16},
    {"Humo 9860", 9860, 9860, 16},
    {"UATP 1", 1, 1, 15},
};

// `digits` in the script whose digit zero is given.
std::string InScript(const std::string& digits, uint32_t zero) {
  std::string out;
  for (const char digit : digits) out += Utf8(zero + static_cast<uint32_t>(digit - '0'));
  return out;
}

}  // namespace

std::string Utf8(uint32_t code_point) {
  std::string out;
  if (code_point < 0x80) return std::string(1, static_cast<char>(code_point));
  if (code_point < 0x800) {
    out = {static_cast<char>(0xc0 | code_point >> 6)};
  } else if (code_point < 0x10000) {
    out = {static_cast<char>(0xe0 | code_point >> 12), static_cast<char>(0x80 | (code_point >> 6 & 0x3f))};
  } else {
    out = {static_cast<char>(0xf0 | code_point >> 18), static_cast<char>(0x80 | (code_point >> 12 & 0x3f)),
           static_cast<char>(0x80 | (code_point >> 6 & 0x3f))};
  }
  return out + static_cast<char>(0x80 | (code_point & 0x3f));
}

uint32_t Modulo97(const std::string& characters) {
  uint32_t rest = 0;
  for (const char c : characters) {
    rest = c <= '9' ? rest * 10 + static_cast<uint32_t>(c - '0') : rest * 100 + static_cast<uint32_t>(c - 'A' + 10);
    rest %= 97;
  }
  return rest;
}

std::string WithLuhn(const std::string& digits) {
  int sum = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    const int digit = digits[digits.size() - 1 - i] - '0';
    sum += i % 2 == 1 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2;
  }
  return digits + static_cast<char>('0' + (10 - sum % 10) % 10);
}

std::string CardCorpus::Digits(size_t count) {
  std::string out;
  while (out.size() < count) out.push_back(static_cast<char>('0' + Below(10)));
  return out;
}

std::string CardCorpus::Number(int64_t from, int64_t to, size_t width) {
  return absl::StrFormat("%0*d", static_cast<int>(width),
                         from + static_cast<int64_t>(Below(static_cast<size_t>(to - from + 1))));
}

std::string CardCorpus::AnyCard() {
  const IssuerRange& range = kRanges[Below(std::size(kRanges))];
  const std::string prefix = absl::StrCat(range.first);
  return WithLuhn(prefix + Digits(15 - prefix.size() - (range.length == 15 ? 1 : 0)));
}

std::string CardCorpus::Grouped(const std::string& digits, size_t group, const std::string& separator) {
  std::string out;
  for (size_t at = 0; at < digits.size(); at += group)
    absl::StrAppend(&out, at == 0 ? "" : separator, digits.substr(at, group));
  return out;
}

std::string CardCorpus::Iban() {
  // Country and the length of what follows the check digits, digits only.
  static constexpr struct {
    const char* country;
    size_t length;
  } kCountries[] = {{"DE", 18}, {"AT", 16}, {"CH", 17}, {"DK", 14}, {"BE", 12},
                    {"NO", 11}, {"FI", 14}, {"SE", 20}, {"ES", 20}, {"PL", 24}};
  const auto& country = kCountries[Below(std::size(kCountries))];
  const std::string account = Digits(country.length);
  const uint32_t rest = Modulo97(absl::StrCat(account, country.country, "00"));
  return absl::StrCat(country.country, absl::StrFormat("%02d", 98 - rest), account);
}

std::string CardCorpus::InText(const std::string& number) {
  static constexpr const char* kBefore[] = {"",   "please leave at the door, ", "Nr. ", "no:", "\xe5\x8f\xb7", "(", "#",
                                            "to "};
  static constexpr const char* kBehind[] = {"", ".", " thanks", ", before 8", ")", "\n", "\xe3\x80\x82"};
  return absl::StrCat(kBefore[Below(std::size(kBefore))], number, kBehind[Below(std::size(kBehind))]);
}

std::string CardCorpus::AmongNumbers(const std::string& number) {
  static constexpr const char* kBefore[] = {"2x ", "2026-06-15 ", "8001 "};
  static constexpr const char* kBehind[] = {" 123", " 12/27", " 1"};
  return absl::StrCat(Below(2) == 0 ? "" : kBefore[Below(std::size(kBefore))], number,
                      kBehind[Below(std::size(kBehind))]);
}

std::vector<CardCorpus::Kind> CardCorpus::Cards() {
  std::vector<Kind> kinds;
  for (const IssuerRange& range : kRanges) {
    kinds.push_back({range.name, [this, &range] {
                       const std::string prefix = Number(range.first, range.last, 1);
                       return InText(WithLuhn(prefix + Digits(range.length - 1 - prefix.size())));
                     }});
  }
  static constexpr struct {
    const char* name;
    const char* text;
  } kSeparators[] = {{"spaces", " "},
                     {"dashes", "-"},
                     {"dots", "."},
                     {"spaced dashes", " - "},
                     {"no-break spaces", "\xc2\xa0"},
                     {"en dashes", "\xe2\x80\x93"},
                     {"ideographic spaces", "\xe3\x80\x80"},
                     {"zero-width spaces", "\xe2\x80\x8b"},
                     {"line ends", "\r\n"}};
  for (const auto& separator : kSeparators) {
    kinds.push_back({absl::StrCat("in fours, ", separator.name),
                     [this, &separator] { return InText(Grouped(AnyCard(), 4, separator.text)); }});
  }
  kinds.push_back({"among other numbers", [this] { return AmongNumbers(Grouped(AnyCard(), 4, " ")); }});
  kinds.push_back({"in pairs", [this] { return InText(Grouped(AnyCard(), 2, " ")); }});
  kinds.push_back({"digit by digit", [this] { return InText(Grouped(AnyCard(), 1, " ")); }});
  static constexpr struct {
    const char* name;
    uint32_t zero;
  } kScripts[] = {{"full-width", 0xff10}, {"Arabic-Indic", 0x660}, {"Persian", 0x6f0}, {"Devanagari", 0x966},
                  {"Bengali", 0x9e6},     {"Thai", 0xe50},         {"Khmer", 0x17e0},  {"mathematical bold", 0x1d7ce}};
  for (const auto& script : kScripts) {
    kinds.push_back({absl::StrCat(script.name, " digits"), [this, &script] {
                       std::string text;
                       const std::string card = AnyCard();
                       for (size_t at = 0; at < card.size(); at += 4)
                         absl::StrAppend(&text, at == 0 ? "" : " ", InScript(card.substr(at, 4), script.zero));
                       return InText(text);
                     }});
  }
  return kinds;
}

std::vector<CardCorpus::Kind> CardCorpus::OtherNumbers() {
  const auto plus = [this](const std::string& digits) { return InText("+" + digits); };
  return {
      {"phone +CC, 13 digits", [this, plus] { return plus(Number(10, 99, 2) + Digits(11)); }},
      {"phone +49 in groups", [this, plus] { return plus("49 " + Grouped(Digits(11), 4, " ")); }},
      {"phone full-width +4x", [this] { return InText("\xef\xbc\x8b" + InScript("4" + Digits(12), 0xff10)); }},
      {"phone +CC, 10 to 12", [this, plus] { return plus(Number(10, 99, 2) + Digits(8 + Below(3))); }},
      {"phone +CC, then a number", [this] { return AmongNumbers("+" + Number(10, 99, 2) + Digits(11)); }},
      {"phone national", [this] { return InText("0" + Grouped(Digits(9 + Below(2)), 3, " ")); }},
      {"phone 00CC", [this] { return InText("00" + Number(10, 99, 2) + Digits(9 + Below(3))); }},
      {"IBAN", [this] { return InText(Iban()); }},
      {"IBAN in fours", [this] { return InText(Grouped(Iban(), 4, " ")); }},
      {"date and time",
       [this] {
         return absl::StrCat("20", Number(20, 29, 2), "-", Number(1, 12, 2), "-", Number(1, 28, 2), " ",
                             Number(0, 23, 2), ":", Number(0, 59, 2), ":", Number(0, 59, 2), ".", Digits(3));
       }},
      {"dates in a row",
       [this] {
         return absl::StrCat("20", Number(20, 29, 2), "-", Number(1, 12, 2), "-", Number(1, 28, 2), " - 20",
                             Number(20, 29, 2), "-", Number(1, 12, 2), "-", Number(1, 28, 2));
       }},
      {"milliseconds since 1970", [this] { return "1" + Digits(12); }},
      {"amount",
       [this] { return absl::StrCat(Number(1, 999, 1), " ", Digits(3), ".", Digits(2), " EUR, ", Digits(4)); }},
      {"order number, 10 to 12", [this] { return InText(Digits(10 + Below(3))); }},
      {"postcode, phone, house",
       [this] { return absl::StrCat("8", Digits(3), " Zurich, 0", Digits(9), ", no ", Digits(2)); }},
      {"tracking 1Z", [this] { return InText("1Z" + Digits(3) + "W" + Digits(12)); }},
      {"tracking S10", [this] { return InText("RR" + Digits(9) + "CH"); }},
      {"tracking SSCC 00", [this] { return InText("00" + Digits(18)); }},
      {"tracking 20 to 22", [this] { return InText(Digits(20 + Below(3))); }},
      {"EAN-13", [this] { return InText(Number(0, 9, 1) + Digits(12)); }},
      {"tracking 14", [this] { return InText(Digits(14)); }},
      {"order number, 16 digits", [this] { return InText(Digits(16)); }},
      {"16 digits starting with 4", [this] { return InText("4" + Digits(15)); }},
  };
}

}  // namespace postern::policy::testing
