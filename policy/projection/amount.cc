#include "policy/projection/amount.h"

#include <algorithm>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "policy/projection/wire.h"
#include "policy/projection/writer.h"

namespace postern::policy {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr int64_t kBillion = 1'000'000'000;
constexpr size_t kMostDigits = 18;  // of a whole part: fits 64 bits with one to spare

bool IsPart(const Descriptor& type, int number, const char* name, FieldDescriptor::Type kind) {
  const FieldDescriptor* field = type.FindFieldByNumber(number);
  return field != nullptr && field->name() == name && field->type() == kind && !field->is_repeated() &&
         !field->has_presence();
}

// Rounds down what has a fraction below zero.
std::optional<int64_t> RoundDownBelow(int64_t whole, bool less, int64_t step) {
  if (less && whole == std::numeric_limits<int64_t>::min()) return std::nullopt;
  return RoundDown(less ? whole - 1 : whole, step);
}

}  // namespace

std::optional<int64_t> RoundDown(int64_t value, int64_t step) {
  const int64_t over = value % step < 0 ? value % step + step : value % step;
  if (value < std::numeric_limits<int64_t>::min() + over) return std::nullopt;
  return value - over;
}

bool IsMoney(const Descriptor& type) {
  return type.full_name() == "google.type.Money" &&
         IsPart(type, kMoneyCurrency, "currency_code", FieldDescriptor::TYPE_STRING) &&
         IsPart(type, kMoneyUnits, "units", FieldDescriptor::TYPE_INT64) &&
         IsPart(type, kMoneyNanos, "nanos", FieldDescriptor::TYPE_INT32);
}

bool IsDecimal(const FieldDescriptor& field) {
  return field.full_name() == "google.type.Decimal.value" && field.type() == FieldDescriptor::TYPE_STRING;
}

Money ReadMoney(absl::Span<const absl::string_view> fragments) {
  Money money;
  for (const absl::string_view fragment : fragments) {
    const char* p = fragment.data();
    const char* const end = p + fragment.size();
    bool too_deep = false;
    while (p != end) {
      uint32_t tag;
      uint64_t raw;
      p = wire::ReadTag(p, end, &tag);
      if (p == nullptr) return Money{};
      if (tag == wire::MakeTag(kMoneyCurrency, wire::kDelimited)) {
        p = wire::ReadLength(p, end, &raw);
        if (p == nullptr) return Money{};
        money.currency_code = absl::string_view(p, raw);
        p += raw;
      } else if (tag == wire::MakeTag(kMoneyUnits, wire::kVarint) || tag == wire::MakeTag(kMoneyNanos, wire::kVarint)) {
        p = wire::ReadVarint(p, end, &raw);
        if (wire::NumberOf(tag) == kMoneyUnits) {
          money.units = static_cast<int64_t>(raw);
        } else {
          money.nanos = static_cast<int32_t>(raw);
        }
      } else {
        p = wire::SkipValue(tag, p, end, 0, &too_deep);
      }
      if (p == nullptr) return Money{};
    }
  }
  return money;
}

bool AppendMoneyInSteps(const Money& money, int64_t step, std::string* out) {
  const bool mixed = (money.units > 0 && money.nanos < 0) || (money.units < 0 && money.nanos > 0);
  if (mixed || money.nanos <= -kBillion || money.nanos >= kBillion) return false;
  const std::optional<int64_t> units = RoundDownBelow(money.units, money.nanos < 0, step);
  if (!units) return false;
  if (!money.currency_code.empty()) {
    wire::AppendVarint(wire::MakeTag(kMoneyCurrency, wire::kDelimited), out);
    wire::AppendVarint(money.currency_code.size(), out);
    out->append(money.currency_code.data(), money.currency_code.size());
  }
  if (*units != 0) {
    wire::AppendVarint(wire::MakeTag(kMoneyUnits, wire::kVarint), out);
    wire::AppendVarint(static_cast<uint64_t>(*units), out);
  }
  return true;
}

bool AppendDecimalInSteps(absl::string_view text, int64_t step, std::string* out) {
  const bool negative = absl::ConsumePrefix(&text, "-");
  if (!negative) absl::ConsumePrefix(&text, "+");
  const size_t point = text.find('.');
  absl::string_view whole = text.substr(0, point);
  const absl::string_view fraction = point == absl::string_view::npos ? "" : text.substr(point + 1);
  if ((whole.empty() && fraction.empty()) || whole.find_first_not_of("0123456789") != absl::string_view::npos ||
      fraction.find_first_not_of("0123456789") != absl::string_view::npos) {
    return false;
  }
  whole.remove_prefix(std::min(whole.find_first_not_of('0'), whole.size()));
  if (whole.size() > kMostDigits) return false;
  int64_t value = 0;
  if (!whole.empty() && !absl::SimpleAtoi(whole, &value)) return false;
  const bool less = negative && fraction.find_first_not_of('0') != absl::string_view::npos;
  const std::optional<int64_t> rounded = RoundDownBelow(negative ? -value : value, less, step);
  if (!rounded) return false;
  absl::StrAppend(out, *rounded);
  return true;
}

}  // namespace postern::policy
