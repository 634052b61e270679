#include "policy/projection/verifier_values.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace postern::policy {
namespace {

// RFC 4648, section 5.
constexpr char kPseudonymAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::vector<std::string> CodePoints(absl::string_view text) {
  std::vector<std::string> points;
  for (const char c : text) {
    if (points.empty() || (static_cast<unsigned char>(c) & 0xc0) != 0x80) points.emplace_back();
    points.back().push_back(c);
  }
  return points;
}

bool IsLetter(char c) {
  return absl::ascii_isalpha(static_cast<unsigned char>(c));
}
bool IsDigit(char c) {
  return absl::ascii_isdigit(static_cast<unsigned char>(c));
}

// Index after what may be an IBAN of any length that begins at `start`, or `start`. Takes more for one than the
// projector does.
size_t AfterIban(absl::string_view text, size_t start) {
  size_t after = start, count = 0;
  uint32_t head = 0, rest = 0;  // the first four characters count behind the others (ISO/IEC 7064 MOD 97-10)
  for (size_t at = start; at < text.size() && count < 34; ++at) {
    const char c = absl::ascii_toupper(static_cast<unsigned char>(text[at]));
    if (!IsLetter(c) && !IsDigit(c)) {
      if (at == start || !(IsLetter(text[at - 1]) || IsDigit(text[at - 1]))) break;
      continue;
    }
    if (count < 4 && IsLetter(c) != (count < 2)) break;
    uint32_t& sum = count < 4 ? head : rest;
    sum = IsDigit(c) ? sum * 10 + static_cast<uint32_t>(c - '0') : sum * 100 + static_cast<uint32_t>(c - 'A' + 10);
    rest %= 97;
    if (++count >= 15 && (rest * 1000000 + head) % 97 == 1) after = at + 1;
  }
  return after;
}

// Whole runs of ASCII digits, parted by single spaces or dashes at most, that are Visa, Mastercard or American Express
// numbers. Less than the projector finds, so that this never accuses it wrongly.
bool HasPlainCardNumber(absl::string_view text) {
  std::string run;
  bool foreign = false;  // the run stands behind characters that may be letters or digits of another script
  const auto is_card = [&] {
    const bool known = (run.size() == 16 && (run[0] == '4' || (run[0] == '5' && run[1] >= '1' && run[1] <= '5'))) ||
                       (run.size() == 15 && run[0] == '3' && (run[1] == '4' || run[1] == '7'));
    int sum = 0;
    for (size_t i = 0; i < run.size(); ++i) {
      const int digit = run[run.size() - 1 - i] - '0';
      sum += i % 2 == 0 ? digit : digit * 2 / 10 + digit * 2 % 10;
    }
    return known && !foreign && sum % 10 == 0;
  };
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && IsDigit(text[i])) {
      run.push_back(text[i]);
    } else if (i < text.size() && (text[i] == ' ' || text[i] == '-') && !run.empty() && i > 0 && IsDigit(text[i - 1])) {
      continue;
    } else {
      if (is_card()) return true;
      run.clear();
      if (i == text.size()) break;
      foreign = static_cast<unsigned char>(text[i]) >= 0x80 ||
                (foreign && !IsLetter(text[i]) && text[i] != ':' && text[i] != ',');
      if (IsLetter(text[i]) && (i == 0 || !IsLetter(text[i - 1]))) {
        const size_t after = AfterIban(text, i);
        if (after > i) i = after - 1;
      }
    }
  }
  return false;
}

// ASCII addresses; less than the projector finds.
bool HasPlainEmail(absl::string_view text) {
  const auto in_name = [](char c) { return IsLetter(c) || IsDigit(c) || c == '-'; };
  for (size_t at = text.find('@'); at != absl::string_view::npos; at = text.find('@', at + 1)) {
    if (at == 0 || !(in_name(text[at - 1]) || text[at - 1] == '.')) continue;
    size_t dot = at + 1;
    while (dot < text.size() && in_name(text[dot])) ++dot;
    if (dot > at + 1 && dot + 1 < text.size() && text[dot] == '.' && in_name(text[dot + 1])) return true;
  }
  return false;
}

bool FindsEmail(const LeafSpec& leaf) {
  const auto* redact = std::get_if<v1::Redact>(&leaf.transform);
  return redact != nullptr && std::find(redact->detectors().begin(), redact->detectors().end(), v1::Redact::EMAIL) !=
                                  redact->detectors().end();
}

// A text that the rule for card numbers may have rewritten before the transform, or after it. Digits outside ASCII take
// two bytes or more.
bool MayBeRewritten(const LeafSpec& leaf, absl::string_view original) {
  if (leaf.on_card_number != v1::REDACT) return false;
  const auto* mask = std::get_if<v1::Mask>(&leaf.transform);
  if (mask != nullptr && mask->with().find_first_of("0123456789") != std::string::npos) return true;
  const auto digits = static_cast<size_t>(std::count_if(original.begin(), original.end(), IsDigit));
  const auto foreign = static_cast<size_t>(
      std::count_if(original.begin(), original.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }));
  return digits + foreign / 2 >= kFewestCardDigits;
}

// What stands between replacements occurs in `original` in this order: the first piece at its begin, and the last at
// its end, unless `cut` says that the end may be missing.
bool IsRedactionOf(absl::string_view original, absl::string_view released, bool cut) {
  const std::string marked =
      absl::StrReplaceAll(released, {{"[card]", "\n\1"}, {"[iban]", "\n\1"}, {"[email]", "\n\1"}, {"[phone]", "\n\1"}});
  const std::vector<absl::string_view> pieces = absl::StrSplit(marked, "\n\1");
  size_t at = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const bool last = i + 1 == pieces.size() && !cut;
    if (last && original.size() < at + pieces[i].size()) return false;
    const size_t found = last ? original.size() - pieces[i].size() : original.find(pieces[i], at);
    if (found == absl::string_view::npos || original.substr(found, pieces[i].size()) != pieces[i]) return false;
    if (i == 0 && found != 0) return false;
    at = found + pieces[i].size();
  }
  return true;
}

// At most `max` code points of the begin of a text that card numbers were replaced in, perhaps cut within a
// replacement.
bool IsCutRedactionOf(absl::string_view original, absl::string_view released, int64_t max) {
  if (CodePoints(released).size() > static_cast<size_t>(max)) return false;
  for (absl::string_view marker = "[card";; marker.remove_suffix(1)) {
    if (absl::EndsWith(released, marker) &&
        IsRedactionOf(original, released.substr(0, released.size() - marker.size()), /*cut=*/true)) {
      return true;
    }
    if (marker.empty()) return false;
  }
}

// Of a text that is masked no more is left than the mask leaves, whichever text it was. Replacements say nothing.
bool IsMaskedEnough(const v1::Mask& mask, const std::string& released) {
  const std::string with = mask.with().empty() ? "*" : mask.with();
  const auto points = CodePoints(absl::StrReplaceAll(released, {{"[card]", ""}}));
  return std::count_if(points.begin(), points.end(), [&](const std::string& point) { return point != with; }) <=
         int64_t{mask.keep_first()} + mask.keep_last();
}

std::string CheckMask(const v1::Mask& mask, const std::string& original, const std::string& released) {
  const auto in = CodePoints(original), out = CodePoints(released);
  if (in.size() != out.size()) return "masked text has another length";
  size_t first = static_cast<size_t>(mask.keep_first()), last = static_cast<size_t>(mask.keep_last());
  if (first + last >= in.size()) first = last = 0;
  for (size_t i = first; i + last < in.size(); ++i) {
    if (out[i] != (mask.with().empty() ? "*" : mask.with())) return "text that has to be masked is not";
  }
  return "";
}

// `count`: the code points of `text`.
bool IsMasked(const v1::Mask& mask, int64_t count, absl::string_view text) {
  const absl::string_view with = mask.with().empty() ? "*" : absl::string_view(mask.with());
  const bool whole = int64_t{mask.keep_first()} + mask.keep_last() >= count;
  const int64_t first = whole ? 0 : mask.keep_first(), last = whole ? 0 : mask.keep_last();
  for (int64_t i = 0; i + last < count; ++i) {
    size_t size = 1;
    while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) ++size;
    if (i >= first && text.substr(0, size) != with) return false;
    text.remove_prefix(size);
  }
  return true;
}

bool IsPrefix(const std::string& original, const std::string& released, int64_t max) {
  return absl::StartsWith(original, released) && CodePoints(released).size() <= static_cast<size_t>(max);
}

std::string CheckPrefix(const LeafSpec& leaf, const std::string& original, const std::string& released, int64_t max) {
  const bool fits =
      MayBeRewritten(leaf, original) ? IsCutRedactionOf(original, released, max) : IsPrefix(original, released, max);
  return fits ? "" : "a text is longer than granted";
}

std::string CheckDateText(v1::Generalise::DateUnit unit, absl::string_view original, absl::string_view released) {
  if (released.size() != 10 || original.size() != 10 || released.substr(0, 4) != original.substr(0, 4) ||
      released.find_first_not_of("0123456789-") != absl::string_view::npos) {
    return "not a generalised date";
  }
  const absl::string_view month = released.substr(5, 2), day = released.substr(8, 2);
  const bool right = unit == v1::Generalise::DAY     ? released == original
                     : unit == v1::Generalise::MONTH ? day == "01" && month == original.substr(5, 2)
                     : unit == v1::Generalise::QUARTER
                         ? day == "01" && (month == "01" || month == "04" || month == "07" || month == "10")
                         : day == "01" && month == "01";
  return right ? "" : "a date is finer than granted";
}

std::string CheckPseudonym(const ProjectionContext& context, const std::string& original, const std::string& released) {
  uint8_t digest[32];
  context.pseudonym(original, digest);
  std::string expected;
  for (int bit = 0; bit < 128; bit += 6) {
    int sextet = 0;
    for (int i = bit; i < bit + 6; ++i) sextet = sextet * 2 + (i < 128 ? digest[i / 8] >> (7 - i % 8) & 1 : 0);
    expected.push_back(kPseudonymAlphabet[sextet]);
  }
  return released == expected ? "" : "not the pseudonym of the value";
}

}  // namespace

std::string CheckReleasedText(const LeafSpec& leaf, const ProjectionContext& context, const std::string& original,
                              const std::string& released) {
  const bool constant = std::holds_alternative<v1::Constant>(leaf.transform);
  const bool pseudonym = std::holds_alternative<v1::Pseudonymise>(leaf.transform);
  const bool guarded = leaf.on_card_number != v1::CARD_NUMBER_ACTION_UNSPECIFIED;
  if (guarded && !constant && !pseudonym && HasPlainCardNumber(released)) return "a card number left";
  if (FindsEmail(leaf) && HasPlainEmail(released)) return "an e-mail address left";
  if (constant) return released == std::get<v1::Constant>(leaf.transform).value() ? "" : "not the constant";
  // Where card numbers are cut out first, the other transforms see a text that only the projector knows: then no more
  // may be left than they leave of any text.
  const bool rewritten = MayBeRewritten(leaf, original);
  if (pseudonym) {
    if (rewritten) return IsPlausibleText(leaf, released) ? "" : "not a pseudonym";
    return CheckPseudonym(context, original, released);
  }
  if (const auto* mask = std::get_if<v1::Mask>(&leaf.transform)) {
    if (rewritten) return IsMaskedEnough(*mask, released) ? "" : "text that has to be masked is not";
    return CheckMask(*mask, original, released);
  }
  if (const auto* truncate = std::get_if<v1::Truncate>(&leaf.transform)) {
    return CheckPrefix(leaf, original, released, truncate->max_code_points());
  }
  if (const auto* generalise = std::get_if<v1::Generalise>(&leaf.transform)) {
    if (generalise->has_date()) return CheckDateText(generalise->date(), original, released);
    return CheckPrefix(leaf, original, released, generalise->prefix());
  }
  if (rewritten || std::holds_alternative<v1::Redact>(leaf.transform)) {
    return IsRedactionOf(original, released, /*cut=*/false) ? "" : "a redacted text is not made from the record's";
  }
  return released == original ? "" : "a kept text was changed";
}

std::string CheckReleasedPostcode(const LeafSpec& leaf, const std::string& country, const std::string& original,
                                  const std::string& released) {
  const v1::Generalise::Postcode& spec = std::get<v1::Generalise>(leaf.transform).postcode();
  int32_t kept = spec.otherwise();
  for (const auto& rule : spec.rules()) {
    for (const std::string& name : rule.countries()) {
      if (name == country) kept = rule.prefix();
    }
  }
  if (kept == 0) return "a postcode left for whose country nothing is kept";
  return CheckPrefix(leaf, original, released, kept);
}

bool IsPlausibleText(const LeafSpec& leaf, absl::string_view released) {
  const auto points = [&] {
    size_t count = 0;
    for (const char c : released) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    return static_cast<int64_t>(count);
  };
  if (leaf.transform.index() == 0) return true;
  if (std::holds_alternative<v1::Redact>(leaf.transform)) {
    return !FindsEmail(leaf) || !absl::StrContains(released, '@');
  }
  if (const auto* constant = std::get_if<v1::Constant>(&leaf.transform)) return released == constant->value();
  if (std::holds_alternative<v1::Pseudonymise>(leaf.transform)) {
    return released.size() == 22 && released.find_first_not_of(kPseudonymAlphabet) == absl::string_view::npos;
  }
  if (const auto* truncate = std::get_if<v1::Truncate>(&leaf.transform)) return points() <= truncate->max_code_points();
  if (const auto* mask = std::get_if<v1::Mask>(&leaf.transform)) return IsMasked(*mask, points(), released);
  if (const auto* generalise = std::get_if<v1::Generalise>(&leaf.transform)) {
    if (generalise->has_prefix()) return points() <= generalise->prefix();
    return generalise->has_date() && CheckDateText(generalise->date(), released, released).empty();
  }
  return false;
}

std::string CheckReleasedNumber(const LeafSpec& leaf, bool real, const std::string& original,
                                const std::string& released) {
  const auto* generalise = std::get_if<v1::Generalise>(&leaf.transform);
  if (generalise == nullptr) return original == released ? "" : "a kept number was changed";
  if (real) {
    // Floating point rounds: a multiple of the step may come out a little above the value.
    double in, out;
    if (!absl::SimpleAtod(original, &in) || !absl::SimpleAtod(released, &out)) return "not a number";
    const double step = static_cast<double>(generalise->step());
    return out - in <= std::abs(in) * 1e-6 && std::abs(std::remainder(out, step)) <= std::abs(out) * 1e-6
               ? ""
               : "a number is finer than granted";
  }
  int64_t in, out;
  uint64_t big_in, big_out;
  if (absl::SimpleAtoi(original, &in) && absl::SimpleAtoi(released, &out)) {
    return out <= in && out % generalise->step() == 0 ? "" : "a number is finer than granted";
  }
  if (!absl::SimpleAtoi(original, &big_in) || !absl::SimpleAtoi(released, &big_out)) return "not a number";
  return big_out <= big_in && big_out % static_cast<uint64_t>(generalise->step()) == 0
             ? ""
             : "a number is finer than granted";
}

std::string CheckReleasedDate(const LeafSpec& leaf, const DateFields& original, const DateFields& released) {
  const auto* generalise = std::get_if<v1::Generalise>(&leaf.transform);
  if (generalise == nullptr) return original == released ? "" : "a kept date was changed";
  if (released.seconds % 86400 != 0 || released.seconds > original.seconds || released.nanos != 0)
    return "a time is finer than a day";
  if (released.year != original.year) return "a date has another year";
  const bool coarse_day = released.day == 0 || released.day == 1 || generalise->date() == v1::Generalise::DAY;
  const bool coarse_month = released.month <= 1 || generalise->date() == v1::Generalise::DAY ||
                            generalise->date() == v1::Generalise::MONTH ||
                            (generalise->date() == v1::Generalise::QUARTER && released.month % 3 == 1);
  return coarse_day && coarse_month ? "" : "a date is finer than granted";
}

}  // namespace postern::policy
