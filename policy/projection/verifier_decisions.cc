#include "policy/projection/verifier_decisions.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace postern::policy {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

std::string DefaultText(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(field.default_value_int32());
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(field.default_value_int64());
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(field.default_value_uint32());
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(field.default_value_uint64());
    case FieldDescriptor::CPPTYPE_BOOL:
      return field.default_value_bool() ? "1" : "0";
    case FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrCat(field.default_value_enum()->number());
    case FieldDescriptor::CPPTYPE_STRING:
      return field.default_value_string();
    default:
      return "";
  }
}

bool SameValue(const FieldDescriptor& field, const std::string& a, const std::string& b) {
  double x, y;
  if (!IsReal(field)) return a == b;
  return absl::SimpleAtod(a.empty() ? "0" : a, &x) && absl::SimpleAtod(b.empty() ? "0" : b, &y) &&
         (x == y ||
          (field.cpp_type() == FieldDescriptor::CPPTYPE_FLOAT && static_cast<float>(x) == static_cast<float>(y)));
}

std::string LiteralText(const FieldDescriptor& field, const std::string& literal) {
  if (field.type() == FieldDescriptor::TYPE_BOOL) return literal == "true" ? "1" : "0";
  if (field.type() != FieldDescriptor::TYPE_ENUM) return literal;
  const auto* value = field.enum_type()->FindValueByName(literal);
  return value == nullptr ? literal : absl::StrCat(value->number());
}

// The last day that a birth date can mean; nullopt if it is none.
std::optional<absl::CivilDay> BirthDayOf(absl::string_view text) {
  int year, month, date;
  if (text.size() != 10 || text[4] != '-' || text[7] != '-' ||
      text.find_first_not_of("0123456789-") != absl::string_view::npos || !absl::SimpleAtoi(text.substr(0, 4), &year) ||
      !absl::SimpleAtoi(text.substr(5, 2), &month) || !absl::SimpleAtoi(text.substr(8, 2), &date) || month < 1 ||
      date < 1) {
    return std::nullopt;
  }
  const absl::CivilDay day(year, month, date);
  return day.month() == month && day.day() == date ? std::optional(day) : std::nullopt;
}

std::optional<absl::CivilDay> BirthDayOf(const Descriptor& type, const DateFields& date) {
  if (type.FindFieldByName("year") == nullptr) {
    if (date.seconds == 0 || date.seconds < -62135596800 || date.seconds > 253402300799) return std::nullopt;
    return absl::CivilDay(absl::CivilSecond(1970, 1, 1) + date.seconds);
  }
  if (date.year < 1 || date.year > 9999 || date.month < 0 || date.month > 12 || date.day < 0 ||
      (date.month == 0 && date.day != 0)) {
    return std::nullopt;
  }
  if (date.month == 0) return absl::CivilDay(date.year, 12, 31);
  if (date.day == 0) return absl::CivilDay(absl::CivilMonth(date.year, date.month) + 1) - 1;
  const absl::CivilDay day(date.year, date.month, date.day);
  return day.month() == date.month ? std::optional(day) : std::nullopt;
}

}  // namespace

bool IsReal(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE || field.cpp_type() == FieldDescriptor::CPPTYPE_FLOAT;
}

Operand OperandOf(const FieldDescriptor& field, const ViewedValue* value) {
  if (value != nullptr) {
    std::string text = TextOf(field, *value);
    const bool zero = text == (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING ? "" : "0");
    if (field.has_presence() || !zero) return {true, std::move(text)};
  }
  return {false, DefaultText(field)};
}

bool Holds(const PredicateSpec& spec, const Operand& left, const Operand& right) {
  using Kind = PredicateSpec::Kind;
  const FieldDescriptor& field = *spec.left.back();
  if (spec.kind == Kind::kPresent) return left.present == spec.present;
  if (spec.absent_is_false && (!left.present || (!spec.right.empty() && !right.present))) return false;
  if (spec.kind == Kind::kAtLeast) {
    int64_t value;
    return absl::SimpleAtoi(left.text, &value) ? value >= spec.at_least : !left.text.empty() && left.text[0] != '-';
  }
  bool equal = !spec.right.empty() && SameValue(field, left.text, right.text);
  if (spec.right.empty()) {
    equal = std::any_of(spec.literals.begin(), spec.literals.end(), [&](const std::string& literal) {
      return SameValue(field, left.text, LiteralText(field, literal));
    });
  }
  return equal != (spec.kind == Kind::kDiffersFrom);
}

void Minority::AddFlag(const FieldDescriptor& field, uint64_t value) {
  if (value == 0 && !field.has_presence()) return;
  known_ = true;
  minor_ |= value != 0;
}

void Minority::AddBirthDate(absl::string_view text) {
  AddBirthDay(BirthDayOf(text));
}

void Minority::AddBirthDate(const Descriptor& type, const DateFields& date) {
  AddBirthDay(BirthDayOf(type, date));
}

void Minority::AddBirthDay(std::optional<absl::CivilDay> born) {
  if (!born) return;
  known_ = true;
  minor_ |= context_.today < absl::CivilDay(born->year() + spec_.majority_age, born->month(), born->day());
}

}  // namespace postern::policy
