#include "policy/projection/verifier_values.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "policy/projection/plain_identifiers.h"

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

bool FindsEmail(const LeafSpec& leaf) {
  const auto* redact = std::get_if<v1::Redact>(&leaf.transform);
  return redact != nullptr && std::find(redact->detectors().begin(), redact->detectors().end(), v1::Redact::EMAIL) !=
                                  redact->detectors().end();
}

// A text that the rule for card numbers may have rewritten before the transform, or after it.
bool MayBeRewritten(const LeafSpec& leaf, absl::string_view original) {
  if (leaf.on_card_number != v1::REDACT) return false;
  const auto* mask = std::get_if<v1::Mask>(&leaf.transform);
  return (mask != nullptr && CountDigits(mask->with()) > 0) || CountDigits(original) >= kFewestCardDigits;
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

// Whether `released` is the greatest multiple of the step that is not above `original`, which must be a plain number.
std::string CheckDecimal(int64_t step, absl::string_view original, absl::string_view released) {
  int64_t out, whole = 0;
  if (!absl::SimpleAtoi(released, &out) || absl::StrCat(out) != released) return "not a whole number";
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(original, absl::MaxSplits('.', 1));
  if (parts.first.find_first_of("0123456789") != absl::string_view::npos && !absl::SimpleAtoi(parts.first, &whole)) {
    return "a number left that the record does not have";
  }
  const bool below = absl::StartsWith(original, "-") && parts.second.find_first_not_of('0') != absl::string_view::npos;
  // Whole parts have 18 digits at most, so nothing overflows but what is far out of the step.
  const auto distance = static_cast<uint64_t>(whole) - static_cast<uint64_t>(out) - (below ? 1u : 0u);
  return out % step == 0 && out <= whole && distance < static_cast<uint64_t>(step) ? ""
                                                                                   : "a number is finer than granted";
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
    if (generalise->has_step()) {
      if (rewritten && (released == "[card]" || released == "-[card]")) return "";
      return CheckDecimal(generalise->step(), original, released);
    }
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
  if (leaf.on_card_number != v1::CARD_NUMBER_ACTION_UNSPECIFIED && HasPlainCardNumber(released)) {
    return "a card number left";
  }
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
    int64_t number;
    if (generalise->has_step()) return absl::SimpleAtoi(released, &number) && number % generalise->step() == 0;
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

std::string CheckReleasedMoney(const LeafSpec& leaf, const MoneyFields& original, const MoneyFields& released) {
  const int64_t step = std::get<v1::Generalise>(leaf.transform).step();
  if (released.currency_code != original.currency_code) return "an amount has another currency";
  if (released.nanos != 0 || released.units % step != 0) return "an amount is finer than granted";
  const bool malformed = (original.units > 0 && original.nanos < 0) || (original.units < 0 && original.nanos > 0);
  const bool above = released.units > original.units || (released.units == original.units && original.nanos < 0);
  return malformed || above ? "an amount left that the record does not have" : "";
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
