#include "policy/projection/predicate.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"

namespace postern::policy {
namespace {

using google::protobuf::FieldDescriptor;

uint64_t BitsOf(double value) {
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

double DoubleOf(uint64_t bits) {
  double value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

bool IsInteger(ValueClass c) {
  return c == ValueClass::kSigned || c == ValueClass::kUnsigned;
}

bool Comparable(ValueClass a, ValueClass b) {
  return a == b || (IsInteger(a) && IsInteger(b));
}

bool Equal(ValueClass a_class, uint64_t a, absl::string_view a_text, ValueClass b_class, uint64_t b,
           absl::string_view b_text) {
  if (a_class == ValueClass::kText) return a_text == b_text;
  if (a_class == ValueClass::kDouble) return DoubleOf(a) == DoubleOf(b);
  // A negative number equals no unsigned one, although the bits may agree.
  if (a_class != b_class && static_cast<int64_t>(a_class == ValueClass::kSigned ? a : b) < 0) return false;
  return a == b;
}

absl::StatusOr<Literal> ParseLiteral(const FieldDescriptor& field, ValueClass value_class, const std::string& text) {
  Literal literal;
  const auto bad = [&] {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is no value of ", field.full_name()));
  };
  if (field.type() == FieldDescriptor::TYPE_BOOL) {
    if (text != "true" && text != "false") return bad();
    literal.bits = text == "true";
  } else if (field.type() == FieldDescriptor::TYPE_ENUM) {
    const auto* value = field.enum_type()->FindValueByName(text);
    int64_t number = 0;
    if (value == nullptr && !absl::SimpleAtoi(text, &number)) return bad();
    literal.bits = static_cast<uint64_t>(value != nullptr ? value->number() : number);
  } else if (value_class == ValueClass::kText) {
    literal.text = text;
  } else if (value_class == ValueClass::kDouble) {
    double value;
    if (!absl::SimpleAtod(text, &value)) return bad();
    // A float field holds the nearest float, and is compared as such.
    literal.bits = BitsOf(field.type() == FieldDescriptor::TYPE_FLOAT ? static_cast<float>(value) : value);
  } else if (value_class == ValueClass::kSigned) {
    int64_t value;
    if (!absl::SimpleAtoi(text, &value)) return bad();
    literal.bits = static_cast<uint64_t>(value);
  } else if (!absl::SimpleAtoi(text, &literal.bits)) {
    return bad();
  }
  return literal;
}

}  // namespace

absl::StatusOr<OperandType> OperandTypeOf(const FieldDescriptor& field) {
  if (field.is_repeated())
    return absl::InvalidArgumentError(absl::StrCat(field.full_name(), " is repeated: a condition cannot read it"));
  OperandType type;
  type.type = field.type();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      type.value_class = ValueClass::kSigned;
      type.default_bits = static_cast<uint64_t>(static_cast<int64_t>(field.default_value_int32()));
      return type;
    case FieldDescriptor::CPPTYPE_INT64:
      type.value_class = ValueClass::kSigned;
      type.default_bits = static_cast<uint64_t>(field.default_value_int64());
      return type;
    case FieldDescriptor::CPPTYPE_ENUM:
      type.value_class = ValueClass::kSigned;
      type.default_bits = static_cast<uint64_t>(static_cast<int64_t>(field.default_value_enum()->number()));
      return type;
    case FieldDescriptor::CPPTYPE_UINT32:
      type.value_class = ValueClass::kUnsigned;
      type.default_bits = field.default_value_uint32();
      return type;
    case FieldDescriptor::CPPTYPE_UINT64:
      type.value_class = ValueClass::kUnsigned;
      type.default_bits = field.default_value_uint64();
      return type;
    case FieldDescriptor::CPPTYPE_BOOL:
      type.value_class = ValueClass::kUnsigned;
      type.default_bits = field.default_value_bool();
      return type;
    case FieldDescriptor::CPPTYPE_FLOAT:
      type.value_class = ValueClass::kDouble;
      type.default_bits = BitsOf(field.default_value_float());
      return type;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      type.value_class = ValueClass::kDouble;
      type.default_bits = BitsOf(field.default_value_double());
      return type;
    case FieldDescriptor::CPPTYPE_STRING:
      type.default_text = field.default_value_string();
      return type;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return absl::InvalidArgumentError(absl::StrCat(field.full_name(), " is a message: a condition reads leaves"));
}

uint64_t OperandBits(FieldDescriptor::Type type, uint64_t raw) {
  switch (type) {
    case FieldDescriptor::TYPE_INT32:
    case FieldDescriptor::TYPE_ENUM:
    case FieldDescriptor::TYPE_SFIXED32:
      return static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(raw)));
    case FieldDescriptor::TYPE_SINT32: {
      const uint32_t zigzag = static_cast<uint32_t>(raw);
      return static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(zigzag >> 1 ^ (0 - (zigzag & 1)))));
    }
    case FieldDescriptor::TYPE_SINT64:
      return raw >> 1 ^ (0 - (raw & 1));
    case FieldDescriptor::TYPE_UINT32:
    case FieldDescriptor::TYPE_FIXED32:
      return static_cast<uint32_t>(raw);
    case FieldDescriptor::TYPE_BOOL:
      return raw != 0;
    case FieldDescriptor::TYPE_FLOAT: {
      const uint32_t bits = static_cast<uint32_t>(raw);
      float value;
      std::memcpy(&value, &bits, sizeof(value));
      return BitsOf(value);
    }
    default:
      return raw;
  }
}

absl::StatusOr<Predicate> CompilePredicate(const PredicateSpec& spec, int32_t left, int32_t right,
                                           absl::Span<const OperandType> types) {
  Predicate predicate;
  predicate.kind = spec.kind;
  predicate.left = left;
  predicate.right = right;
  predicate.present = spec.present;
  predicate.at_least = spec.at_least;
  predicate.absent_is_false = spec.absent_is_false;
  const ValueClass value_class = types[left].value_class;
  const FieldDescriptor& field = *spec.left.back();
  for (const std::string& text : spec.literals) {
    POSTERN_ASSIGN_OR_RETURN(Literal literal, ParseLiteral(field, value_class, text));
    predicate.literals.push_back(std::move(literal));
  }
  switch (spec.kind) {
    case PredicateSpec::Kind::kDiffersFrom:
    case PredicateSpec::Kind::kEquals:
      if (right < 0 && predicate.literals.size() != 1) {
        return absl::InvalidArgumentError(absl::StrCat("condition on ", field.full_name(), " compares with nothing"));
      }
      if (right >= 0 && !Comparable(value_class, types[right].value_class)) {
        return absl::InvalidArgumentError(absl::StrCat("condition compares ", field.full_name(), " with another type"));
      }
      break;
    case PredicateSpec::Kind::kOneOf:
      if (predicate.literals.empty()) {
        return absl::InvalidArgumentError(absl::StrCat("condition on ", field.full_name(), " lists no value"));
      }
      break;
    case PredicateSpec::Kind::kAtLeast:
      if (!IsInteger(value_class)) {
        return absl::InvalidArgumentError(absl::StrCat("at_least needs an integer, not ", field.full_name()));
      }
      break;
    case PredicateSpec::Kind::kPresent:
      break;
  }
  return predicate;
}

bool Holds(const Predicate& predicate, absl::Span<const OperandType> types, absl::Span<const OperandValue> values) {
  const auto bits = [&](int32_t i) { return values[i].present ? values[i].bits : types[i].default_bits; };
  const auto text = [&](int32_t i) {
    return values[i].present ? values[i].text : absl::string_view(types[i].default_text);
  };
  const int32_t left = predicate.left, right = predicate.right;
  if (predicate.kind == PredicateSpec::Kind::kPresent) return values[left].present == predicate.present;
  if (predicate.absent_is_false && (!values[left].present || (right >= 0 && !values[right].present))) return false;
  const ValueClass value_class = types[left].value_class;
  if (predicate.kind == PredicateSpec::Kind::kAtLeast) {
    if (value_class == ValueClass::kSigned) return static_cast<int64_t>(bits(left)) >= predicate.at_least;
    return predicate.at_least <= 0 || bits(left) >= static_cast<uint64_t>(predicate.at_least);
  }
  bool equal;
  if (right >= 0) {
    equal = Equal(value_class, bits(left), text(left), types[right].value_class, bits(right), text(right));
  } else {
    equal = std::any_of(predicate.literals.begin(), predicate.literals.end(), [&](const Literal& literal) {
      return Equal(value_class, bits(left), text(left), value_class, literal.bits, literal.text);
    });
  }
  return predicate.kind == PredicateSpec::Kind::kDiffersFrom ? !equal : equal;
}

}  // namespace postern::policy
