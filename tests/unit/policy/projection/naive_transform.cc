#include "tests/unit/policy/projection/naive_transform.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"

namespace postern::policy::testing {
namespace {

namespace pb = google::protobuf;

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> points;
  for (const char c : text) {
    if ((c & 0xc0) != 0x80 || points.empty()) points.push_back("");
    points.back() += c;
  }
  return points;
}

std::string First(const std::string& text, int count) {
  std::string out;
  for (const std::string& point : Split(text)) {
    if (count-- > 0) out += point;
  }
  return out;
}

absl::CivilDay Round(absl::CivilDay day, v1::Generalise::DateUnit unit) {
  if (unit == v1::Generalise::DAY) return day;
  if (unit == v1::Generalise::YEAR) return absl::CivilDay(absl::CivilYear(day));
  absl::CivilMonth month(day);
  while (unit == v1::Generalise::QUARTER && month.month() % 3 != 1) --month;
  return absl::CivilDay(month);
}

// With four digits of the year, also before the year 1000.
std::string Written(absl::CivilDay day) {
  return absl::StrFormat("%04d-%02d-%02d", day.year(), day.month(), day.day());
}

int Kept(const v1::Generalise::Postcode& spec, const std::string& country) {
  for (const auto& rule : spec.rules()) {
    if (std::find(rule.countries().begin(), rule.countries().end(), country) != rule.countries().end())
      return rule.prefix();
  }
  return spec.otherwise();
}

std::optional<int64_t> Floor(int64_t value, int64_t step, int64_t min) {
  const int64_t quotient = value / step;  // towards zero
  int64_t product = quotient * step;
  if (product > value && __builtin_sub_overflow(product, step, &product)) return std::nullopt;
  if (product < min) return std::nullopt;
  return product;
}

// `below`: a fraction lies between the value and the whole number beneath it.
std::optional<int64_t> FloorAmount(int64_t whole, bool below, int64_t step) {
  if (below && __builtin_sub_overflow(whole, 1, &whole)) return std::nullopt;
  return Floor(whole, step, std::numeric_limits<int64_t>::min());
}

std::optional<std::string> StepText(int64_t step, const std::string& text) {
  static const std::regex number("([-+]?)(0*)([0-9]*)(\\.([0-9]*))?");
  std::smatch parts;
  if (!std::regex_match(text, parts, number)) return std::nullopt;
  const std::string zeros = parts[2], digits = parts[3], fraction = parts[5];
  if (zeros.empty() && digits.empty() && fraction.empty()) return std::nullopt;
  if (digits.size() > 18) return std::nullopt;
  const bool negative = parts[1] == "-", below = negative && fraction.find_first_not_of('0') != std::string::npos;
  const int64_t whole = digits.empty() ? 0 : std::stoll(digits);
  const auto floor = FloorAmount(negative ? -whole : whole, below, step);
  return floor ? std::optional(std::to_string(*floor)) : std::nullopt;
}

bool RoundMoney(int64_t step, pb::Message* money) {
  const pb::Reflection& reflection = *money->GetReflection();
  const auto* units = money->GetDescriptor()->FindFieldByName("units");
  const auto* nanos = money->GetDescriptor()->FindFieldByName("nanos");
  const int64_t whole = reflection.GetInt64(*money, units);
  const int32_t part = reflection.GetInt32(*money, nanos);
  if (part < -999999999 || part > 999999999 || (whole != 0 && part != 0 && (whole < 0) != (part < 0))) return false;
  const auto floor = FloorAmount(whole, part < 0, step);
  if (!floor) return false;
  reflection.ClearField(money, nanos);
  reflection.ClearField(money, units);
  if (*floor != 0) reflection.SetInt64(money, units, *floor);
  return true;
}

std::optional<std::string> ChangeText(const TransformSpec& spec, const ProjectionContext& context,
                                      const std::string& country, const std::string& text) {
  if (const auto* mask = std::get_if<v1::Mask>(&spec)) {
    const auto points = Split(text);
    const int count = static_cast<int>(points.size());
    const bool all = mask->keep_first() + mask->keep_last() >= count;
    std::string out;
    for (int i = 0; i < count; ++i) {
      const bool kept = !all && (i < mask->keep_first() || i >= count - mask->keep_last());
      out += kept ? points[static_cast<size_t>(i)] : mask->with().empty() ? "*" : mask->with();
    }
    return out;
  }
  if (const auto* truncate = std::get_if<v1::Truncate>(&spec)) return First(text, truncate->max_code_points());
  if (std::holds_alternative<v1::Pseudonymise>(spec)) {
    uint8_t digest[32];
    context.pseudonym(text, digest);
    std::string out;
    absl::WebSafeBase64Escape(std::string(reinterpret_cast<char*>(digest), 16), &out);
    return out;
  }
  if (const auto* constant = std::get_if<v1::Constant>(&spec)) return constant->value();
  if (const auto* generalise = std::get_if<v1::Generalise>(&spec)) {
    if (generalise->has_step()) return StepText(generalise->step(), text);
    if (generalise->has_prefix()) return First(text, generalise->prefix());
    if (generalise->has_postcode()) {
      const int kept = Kept(generalise->postcode(), country);
      return kept == 0 ? std::nullopt : std::optional(First(text, kept));
    }
    absl::CivilDay day;
    static const std::regex kForm("[0-9]{4}-[0-9]{2}-[0-9]{2}");
    if (!std::regex_match(text, kForm) || !absl::ParseCivilTime(text, &day) || Written(day) != text) {
      return std::nullopt;
    }
    return Written(Round(day, generalise->date()));
  }
  return text;
}

bool RoundDate(v1::Generalise::DateUnit unit, pb::Message* date) {
  const pb::Reflection& reflection = *date->GetReflection();
  const auto part = [&](const char* name) { return date->GetDescriptor()->FindFieldByName(name); };
  if (part("seconds") != nullptr) {
    const int64_t seconds = reflection.GetInt64(*date, part("seconds"));
    if (seconds < -62135596800 || seconds > 253402300799) return false;
    const absl::CivilDay day = Round(absl::CivilDay(absl::CivilSecond(1970, 1, 1) + seconds), unit);
    reflection.SetInt64(date, part("seconds"), absl::CivilSecond(day) - absl::CivilSecond(1970, 1, 1));
    reflection.ClearField(date, part("nanos"));
    return true;
  }
  const int year = reflection.GetInt32(*date, part("year")), month = reflection.GetInt32(*date, part("month")),
            day = reflection.GetInt32(*date, part("day"));
  if (year < 0 || year > 9999 || month < 0 || month > 12 || day < 0 || (month == 0 && day > 0)) return false;
  if (day > 0 && absl::CivilDay(year, month, day).day() != day) return false;
  if (month > 0) {
    const absl::CivilDay rounded = Round(absl::CivilDay(year, month, day == 0 ? 1 : day), unit);
    if (rounded.month() != month) reflection.SetInt32(date, part("month"), rounded.month());
    if (day > 0 && rounded.day() != day) reflection.SetInt32(date, part("day"), rounded.day());
  }
  return true;
}

// Applies `change` to all values of a field; those for which it returns nullopt go.
template <typename T, typename Get, typename Set, typename GetAt, typename Add, typename Change>
void Each(pb::Message* message, const pb::FieldDescriptor& field, Get get, Set set, GetAt get_at, Add add,
          Change change) {
  const pb::Reflection& reflection = *message->GetReflection();
  if (!field.is_repeated()) {
    if (!reflection.HasField(*message, &field)) return;
    const std::optional<T> changed = change((reflection.*get)(*message, &field));
    changed ? (reflection.*set)(message, &field, *changed) : reflection.ClearField(message, &field);
    return;
  }
  std::vector<T> values;
  for (int i = 0; i < reflection.FieldSize(*message, &field); ++i) {
    if (const std::optional<T> changed = change((reflection.*get_at)(*message, &field, i))) values.push_back(*changed);
  }
  reflection.ClearField(message, &field);
  for (const T& value : values) (reflection.*add)(message, &field, value);
}

void StepField(int64_t step, const pb::FieldDescriptor& field, pb::Message* message) {
  using R = pb::Reflection;
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_INT32:
      return Each<int32_t>(message, field, &R::GetInt32, &R::SetInt32, &R::GetRepeatedInt32, &R::AddInt32,
                           [&](int32_t v) -> std::optional<int32_t> {
                             const auto floor = Floor(v, step, std::numeric_limits<int32_t>::min());
                             return floor ? std::optional(static_cast<int32_t>(*floor)) : std::nullopt;
                           });
    case pb::FieldDescriptor::CPPTYPE_INT64:
      return Each<int64_t>(message, field, &R::GetInt64, &R::SetInt64, &R::GetRepeatedInt64, &R::AddInt64,
                           [&](int64_t v) { return Floor(v, step, std::numeric_limits<int64_t>::min()); });
    case pb::FieldDescriptor::CPPTYPE_UINT32:
      return Each<uint32_t>(
          message, field, &R::GetUInt32, &R::SetUInt32, &R::GetRepeatedUInt32, &R::AddUInt32,
          [&](uint32_t v) { return std::optional(static_cast<uint32_t>(v - v % static_cast<uint64_t>(step))); });
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return Each<uint64_t>(message, field, &R::GetUInt64, &R::SetUInt64, &R::GetRepeatedUInt64, &R::AddUInt64,
                            [&](uint64_t v) { return std::optional(v - v % static_cast<uint64_t>(step)); });
    case pb::FieldDescriptor::CPPTYPE_FLOAT:
      return Each<float>(message, field, &R::GetFloat, &R::SetFloat, &R::GetRepeatedFloat, &R::AddFloat,
                         [&](float v) -> std::optional<float> {
                           const float floor =
                               static_cast<float>(std::floor(static_cast<double>(v) / static_cast<double>(step)) *
                                                  static_cast<double>(step));
                           return std::isfinite(floor) ? std::optional(floor) : std::nullopt;
                         });
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
      return Each<double>(message, field, &R::GetDouble, &R::SetDouble, &R::GetRepeatedDouble, &R::AddDouble,
                          [&](double v) -> std::optional<double> {
                            const double floor = std::floor(v / static_cast<double>(step)) * static_cast<double>(step);
                            return std::isfinite(floor) ? std::optional(floor) : std::nullopt;
                          });
    default:
      return;
  }
}

bool RoundWhole(const v1::Generalise& spec, pb::Message* value) {
  return spec.has_step() ? RoundMoney(spec.step(), value) : RoundDate(spec.date(), value);
}

void WholeField(const TransformSpec& spec, const pb::FieldDescriptor& field, pb::Message* message) {
  const pb::Reflection& reflection = *message->GetReflection();
  const auto* generalise = std::get_if<v1::Generalise>(&spec);
  if (!field.is_repeated()) {
    if (!reflection.HasField(*message, &field)) return;
    pb::Message* date = reflection.MutableMessage(message, &field);
    date->GetReflection()->MutableUnknownFields(date)->Clear();
    if (generalise != nullptr && !RoundWhole(*generalise, date)) reflection.ClearField(message, &field);
    return;
  }
  std::vector<std::unique_ptr<pb::Message>> kept;
  for (int i = 0; i < reflection.FieldSize(*message, &field); ++i) {
    std::unique_ptr<pb::Message> date(reflection.GetRepeatedMessage(*message, &field, i).New());
    date->CopyFrom(reflection.GetRepeatedMessage(*message, &field, i));
    date->GetReflection()->MutableUnknownFields(date.get())->Clear();
    if (generalise == nullptr || RoundWhole(*generalise, date.get())) kept.push_back(std::move(date));
  }
  reflection.ClearField(message, &field);
  for (auto& date : kept) reflection.AddAllocatedMessage(message, &field, date.release());
}

}  // namespace

void TransformField(const TransformSpec& spec, const pb::FieldDescriptor& original, const ProjectionContext& context,
                    const std::string& country, const pb::FieldDescriptor& field, pb::Message* message) {
  if (original.cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE) return WholeField(spec, field, message);
  if (std::holds_alternative<std::monostate>(spec)) return;
  if (original.cpp_type() != pb::FieldDescriptor::CPPTYPE_STRING)
    return StepField(std::get<v1::Generalise>(spec).step(), field, message);
  const auto change = [&](const std::string& text) { return ChangeText(spec, context, country, text); };
  const pb::Reflection& reflection = *message->GetReflection();
  if (field.is_repeated()) {
    std::vector<std::string> values;
    for (int i = 0; i < reflection.FieldSize(*message, &field); ++i) {
      if (const auto changed = change(reflection.GetRepeatedString(*message, &field, i))) values.push_back(*changed);
    }
    reflection.ClearField(message, &field);
    for (const std::string& value : values) reflection.AddString(message, &field, value);
  } else if (reflection.HasField(*message, &field)) {
    const auto changed = change(reflection.GetString(*message, &field));
    changed ? reflection.SetString(message, &field, *changed) : reflection.ClearField(message, &field);
  }
}

bool TakesText(const TransformSpec& spec, const ProjectionContext& context, const std::string& country,
               const std::string& text) {
  return ChangeText(spec, context, country, text).has_value();
}

void WriteDefault(const pb::FieldDescriptor& field, pb::Message* message) {
  const pb::Reflection& reflection = *message->GetReflection();
  if (reflection.HasField(*message, &field)) return;
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_INT32:
      return reflection.SetInt32(message, &field, 0);
    case pb::FieldDescriptor::CPPTYPE_INT64:
      return reflection.SetInt64(message, &field, 0);
    case pb::FieldDescriptor::CPPTYPE_UINT32:
      return reflection.SetUInt32(message, &field, 0);
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return reflection.SetUInt64(message, &field, 0);
    case pb::FieldDescriptor::CPPTYPE_FLOAT:
      return reflection.SetFloat(message, &field, 0);
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection.SetDouble(message, &field, 0);
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return reflection.SetBool(message, &field, false);
    case pb::FieldDescriptor::CPPTYPE_STRING:
      return reflection.SetString(message, &field, "");
    case pb::FieldDescriptor::CPPTYPE_MESSAGE:
      reflection.MutableMessage(message, &field);
      return;
    default:
      return;
  }
}

}  // namespace postern::policy::testing
