#include "policy/projection/card_number.h"

#include <algorithm>
#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "policy/projection/digits.h"
#include "policy/projection/iban.h"
#include "policy/projection/utf8.h"

namespace postern::policy {
namespace {

constexpr size_t kMinDigits = 13;
constexpr size_t kMaxDigits = 19;
constexpr int kMaxSeparators = 3;

struct Digit {
  int value;
  size_t begin, end;  // bytes
  bool starts_group;
  bool after_plus;  // directly behind the sign of an international telephone number
};

struct Range {
  size_t begin, end;  // bytes
};
using Ranges = absl::InlinedVector<Range, 4>;

// Leading digits (as a range of numbers of `digits` digits) and lengths of one issuer's numbers.
struct Issuer {
  int digits;
  int first, last;
  size_t min_length, max_length;
};

// Issuer identification numbers (ISO/IEC 7812-1) as the networks publish them. Withdrawn schemes (Laser, Solo, Switch,
// Bankcard) are left out, and so is Maestro's length of 12.
constexpr Issuer kIssuers[] = {
    {1, 4, 4, 13, 13},           {1, 4, 4, 16, 16},
    {1, 4, 4, 19, 19},                                     // Visa
    {2, 51, 55, 16, 16},         {4, 2221, 2720, 16, 16},  // Mastercard
    {2, 34, 34, 15, 15},         {2, 37, 37, 15, 15},      // American Express
    {3, 300, 305, 14, 19},       {4, 3095, 3095, 14, 19},
    {2, 36, 36, 14, 19},  // Diners Club
    {2, 38, 39, 14, 19},         {4, 6011, 6011, 16, 19},
    {3, 644, 659, 16, 19},  // Diners Club, Discover
    {4, 3528, 3589, 16, 19},     {4, 1800, 1800, 15, 15},
    {4, 2131, 2131, 15, 15},  // JCB
    {2, 62, 62, 16, 19},         {2, 81, 81, 16, 19},
    {2, 31, 31, 19, 19},  // UnionPay, T-Union
    {4, 5018, 5018, 13, 19},     {4, 5020, 5020, 13, 19},
    {4, 5038, 5038, 13, 19},  // Maestro
    {4, 5893, 5893, 13, 19},     {4, 6304, 6304, 13, 19},
    {4, 6759, 6763, 13, 19},                                   // Maestro
    {6, 676770, 676770, 13, 19}, {6, 676774, 676774, 13, 19},  // Maestro (United Kingdom)
    {4, 2200, 2204, 16, 19},     {4, 2205, 2205, 16, 16},      // Mir, Borica
    {2, 60, 60, 16, 16},         {2, 82, 82, 16, 16},
    {3, 508, 508, 16, 16},  // RuPay
    {4, 9792, 9792, 16, 16},     {4, 5019, 5019, 16, 16},
    {4, 9704, 9704, 16, 19},  // Troy, Dankort, Napas
    {6, 504175, 504175, 16, 16}, {6, 506699, 506778, 16, 16},
    {4, 5090, 5099, 16, 16},  // Elo
    {6, 506099, 506198, 16, 19}, {6, 507865, 507964, 16, 19},
    {4, 5078, 5078, 16, 16},  // Verve, Meeza
    {3, 636, 636, 16, 19},       {3, 637, 639, 16, 16},
    {6, 604001, 604200, 16, 19},  // InterPayment, InstaPayment and Hipercard, UkrCard
    {4, 8600, 8600, 16, 16},     {4, 5614, 5614, 16, 16},
    {4, 9860, 9860, 16, 16},  // UzCard, Humo
    {1, 1, 1, 15, 15},        // UATP
};

bool HasIssuer(absl::Span<const Digit> digits) {
  for (const Issuer& issuer : kIssuers) {
    if (digits.size() < issuer.min_length || digits.size() > issuer.max_length) continue;
    int prefix = 0;
    for (int i = 0; i < issuer.digits; ++i) prefix = prefix * 10 + digits[i].value;
    if (prefix >= issuer.first && prefix <= issuer.last) return true;
  }
  return false;
}

bool PassesLuhn(absl::Span<const Digit> digits) {
  int sum = 0;
  bool twice = false;
  for (size_t i = digits.size(); i-- > 0; twice = !twice) {
    const int value = twice ? digits[i].value * 2 : digits[i].value;
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 == 0;
}

// An international telephone number (ITU-T E.164) may look like a Visa number of 13 digits, a length that has not been
// issued for decades.
bool IsTelephoneNumber(absl::Span<const Digit> digits) {
  return digits.size() == kMinDigits && digits[0].after_plus;
}

// `run` is digits parted by separators only. Numbers begin and end where a group does; from each start the longest
// counts, and what overlaps becomes one range, so that a false alarm cannot hide the beginning of a number.
void SearchRun(absl::Span<const Digit> run, Ranges* found) {
  for (size_t start = 0; start + kMinDigits <= run.size(); ++start) {
    if (!run[start].starts_group) continue;
    for (size_t size = std::min(kMaxDigits, run.size() - start); size >= kMinDigits; --size) {
      if (start + size < run.size() && !run[start + size].starts_group) continue;
      const absl::Span<const Digit> window = run.subspan(start, size);
      if (!HasIssuer(window) || !PassesLuhn(window) || IsTelephoneNumber(window)) continue;
      const Range range{window.front().begin, window.back().end};
      if (!found->empty() && found->back().end > range.begin) {
        found->back().end = std::max(found->back().end, range.end);
      } else {
        found->push_back(range);
      }
      break;
    }
  }
}

// Digits inside `skipped` (sorted) are not looked at.
Ranges Search(absl::string_view text, absl::Span<const Range> skipped) {
  Ranges found;
  absl::InlinedVector<Digit, 64> run;
  int separators = 0;
  bool after_plus = false;
  const auto finish = [&] {
    SearchRun(run, &found);
    run.clear();
  };
  for (size_t at = 0; at < text.size();) {
    if (!skipped.empty() && skipped[0].begin == at) {
      finish();
      at = skipped[0].end;
      skipped.remove_prefix(1);
      after_plus = false;
      continue;
    }
    uint32_t code_point = 0xfffd;
    const size_t decoded = utf8::Decode(text, at, &code_point);
    const size_t size = decoded == 0 ? 1 : decoded;
    const int value = decoded == 0 ? -1 : DigitValue(code_point);
    if (value >= 0) {
      run.push_back({value, at, at + size, run.empty() || separators > 0, after_plus});
      separators = 0;
    } else if (decoded == 0 || !IsDigitSeparator(code_point) || ++separators > kMaxSeparators) {
      finish();
    }
    after_plus = decoded != 0 && IsPlus(code_point);
    at += size;
  }
  finish();
  return found;
}

}  // namespace

void FindCardNumbers(absl::string_view text, absl::FunctionRef<void(size_t begin, size_t end)> found) {
  if (!MayHoldDigits(text, kMinDigits)) return;
  Ranges cards = Search(text, {});
  if (cards.empty()) return;
  // One account number in ten passes for a card number. What has the check digits of an IBAN is one.
  Ranges ibans;
  FindIbans(text, [&](size_t begin, size_t end) { ibans.push_back({begin, end}); });
  if (!ibans.empty()) cards = Search(text, ibans);
  for (const Range& card : cards) found(card.begin, card.end);
}

bool HasCardNumber(absl::string_view text) {
  bool has = false;
  FindCardNumbers(text, [&](size_t, size_t) { has = true; });
  return has;
}

}  // namespace postern::policy
