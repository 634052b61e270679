#include "policy/projection/date_value.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "policy/projection/wire.h"
#include "policy/projection/writer.h"

namespace postern::policy {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr int64_t kFirstSecond = -62135596800;  // 0001-01-01T00:00:00Z
constexpr int64_t kLastSecond = 253402300799;   // 9999-12-31T23:59:59Z
constexpr int64_t kSecondsPerDay = 86400;

std::optional<DateLayout::Part> PartOf(const Descriptor& type, const char* name) {
  const FieldDescriptor* field = type.FindFieldByName(name);
  if (field == nullptr || field->is_repeated() || field->containing_oneof() != nullptr) return std::nullopt;
  const auto kind = field->type();
  const bool int32 = kind == FieldDescriptor::TYPE_INT32 || kind == FieldDescriptor::TYPE_UINT32;
  if (!int32 && kind != FieldDescriptor::TYPE_INT64 && kind != FieldDescriptor::TYPE_UINT64) return std::nullopt;
  return DateLayout::Part{static_cast<uint32_t>(field->number()), int32, !field->has_presence()};
}

absl::CivilDay FirstDay(absl::CivilDay day, v1::Generalise::DateUnit unit) {
  switch (unit) {
    case v1::Generalise::MONTH:
      return absl::CivilDay(day.year(), day.month(), 1);
    case v1::Generalise::QUARTER:
      return absl::CivilDay(day.year(), (day.month() - 1) / 3 * 3 + 1, 1);
    case v1::Generalise::YEAR:
      return absl::CivilDay(day.year(), 1, 1);
    default:
      return day;
  }
}

int64_t FloorDiv(int64_t value, int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

bool IsDate(int64_t year, int64_t month, int64_t day) {
  if (year < 0 || year > 9999 || month < 0 || month > 12 || day < 0 || (month == 0 && day != 0)) return false;
  if (day == 0) return true;
  const absl::CivilDay civil(year, month, day);  // normalises what does not exist
  return civil.month() == month && civil.day() == day;
}

}  // namespace

std::optional<DateLayout> DateLayoutOf(const Descriptor& type) {
  DateLayout layout;
  const auto seconds = PartOf(type, "seconds"), nanos = PartOf(type, "nanos");
  if (type.name() == "Timestamp" && seconds && nanos && !seconds->int32 && nanos->int32) {
    layout.timestamp = true;
    layout.parts = {*seconds, *nanos, DateLayout::Part{}};
    return layout;
  }
  const auto year = PartOf(type, "year"), month = PartOf(type, "month"), day = PartOf(type, "day");
  if (!year || !month || !day) return std::nullopt;
  layout.parts = {*year, *month, *day};
  return layout;
}

DateParts ReadDateParts(const DateLayout& layout, absl::Span<const absl::string_view> fragments) {
  DateParts parts;
  for (const absl::string_view fragment : fragments) {
    const char* p = fragment.data();
    const char* const end = p + fragment.size();
    bool too_deep = false;
    while (p != end) {
      uint32_t tag;
      p = wire::ReadTag(p, end, &tag);
      if (p == nullptr) return DateParts{};
      if (wire::TypeOf(tag) != wire::kVarint) {
        p = wire::SkipValue(tag, p, end, 0, &too_deep);
        if (p == nullptr) return DateParts{};
        continue;
      }
      uint64_t raw;
      p = wire::ReadVarint(p, end, &raw);
      if (p == nullptr) return DateParts{};
      for (int i = 0; i < layout.count(); ++i) {
        const DateLayout::Part& part = layout.parts[i];
        if (part.number != wire::NumberOf(tag)) continue;
        parts.value[i] = part.int32 ? static_cast<int32_t>(raw) : static_cast<int64_t>(raw);
        parts.present[i] = !part.implicit_presence || parts.value[i] != 0;
      }
    }
  }
  return parts;
}

bool GeneraliseDateParts(const DateLayout& layout, v1::Generalise::DateUnit unit, DateParts* parts) {
  auto& value = parts->value;
  if (layout.timestamp) {
    if (value[0] < kFirstSecond || value[0] > kLastSecond) return false;
    const absl::CivilDay day = absl::CivilDay(1970, 1, 1) + FloorDiv(value[0], kSecondsPerDay);
    value[0] = (FirstDay(day, unit) - absl::CivilDay(1970, 1, 1)) * kSecondsPerDay;
    value[1] = 0;
    parts->present = {true, false, false};
    return true;
  }
  if (!IsDate(value[0], value[1], value[2])) return false;
  if (value[1] != 0 && unit == v1::Generalise::YEAR) value[1] = 1;
  if (value[1] != 0 && unit == v1::Generalise::QUARTER) value[1] = (value[1] - 1) / 3 * 3 + 1;
  if (value[2] != 0 && unit != v1::Generalise::DAY) value[2] = 1;
  return true;
}

void AppendDateParts(const DateLayout& layout, const DateParts& parts, std::string* out) {
  std::array<int, 3> order = {0, 1, 2};
  std::sort(order.begin(), order.begin() + layout.count(),
            [&](int a, int b) { return layout.parts[a].number < layout.parts[b].number; });
  for (int i = 0; i < layout.count(); ++i) {
    const DateLayout::Part& part = layout.parts[order[i]];
    const int64_t value = parts.value[order[i]];
    if (!parts.present[order[i]] || (part.implicit_presence && value == 0)) continue;
    wire::AppendVarint(wire::MakeTag(part.number, wire::kVarint), out);
    wire::AppendVarint(static_cast<uint64_t>(value), out);
  }
}

bool AppendGeneralisedDate(absl::string_view text, v1::Generalise::DateUnit unit, std::string* out) {
  const auto day = ParseDay(text);
  if (!day) return false;
  const absl::CivilDay first = FirstDay(*day, unit);
  absl::StrAppendFormat(out, "%04d-%02d-%02d", first.year(), first.month(), first.day());
  return true;
}

std::optional<absl::CivilDay> ParseDay(absl::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  int digits[8];
  int count = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i == 4 || i == 7) continue;
    if (!absl::ascii_isdigit(static_cast<unsigned char>(text[i]))) return std::nullopt;
    digits[count++] = text[i] - '0';
  }
  const int year = digits[0] * 1000 + digits[1] * 100 + digits[2] * 10 + digits[3];
  const int month = digits[4] * 10 + digits[5], day = digits[6] * 10 + digits[7];
  if (month == 0 || day == 0 || !IsDate(year, month, day)) return std::nullopt;
  return absl::CivilDay(year, month, day);
}

std::optional<absl::CivilDay> LatestDay(const DateLayout& layout, const DateParts& parts) {
  const auto& value = parts.value;
  if (layout.timestamp) {
    // An all-zero timestamp is what a client writes that never set one; 1970-01-01 as a birth date is not believed.
    if (value[0] == 0 || value[0] < kFirstSecond || value[0] > kLastSecond) return std::nullopt;
    return absl::CivilDay(1970, 1, 1) + FloorDiv(value[0], kSecondsPerDay);
  }
  if (value[0] == 0 || !IsDate(value[0], value[1], value[2])) return std::nullopt;
  if (value[1] == 0) return absl::CivilDay(value[0], 12, 31);
  if (value[2] == 0) return absl::CivilDay(absl::CivilMonth(value[0], value[1]) + 1) - 1;
  return absl::CivilDay(value[0], value[1], value[2]);
}

}  // namespace postern::policy
