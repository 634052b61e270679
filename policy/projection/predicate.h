// The closed set of predicates of Contract.Condition, compiled: which values of the record they look at, and whether
// they hold.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "policy/projection/plan_spec.h"

namespace postern::policy {

// How values of a field compare.
enum class ValueClass : uint8_t { kSigned, kUnsigned, kDouble, kText };

// The value of one operand in one record. `text` points into the record or the plan.
struct OperandValue {
  bool present = false;
  uint64_t bits = 0;  // kSigned: two's complement; kDouble: its representation
  absl::string_view text;
};

// What a leaf's field says about its operand: how wire values are read, and the value that an absent one has.
struct OperandType {
  google::protobuf::FieldDescriptor::Type type = google::protobuf::FieldDescriptor::TYPE_STRING;
  ValueClass value_class = ValueClass::kText;
  uint64_t default_bits = 0;
  std::string default_text;
};

// InvalidArgument if `field` is repeated or not a scalar.
absl::StatusOr<OperandType> OperandTypeOf(const google::protobuf::FieldDescriptor& field);

// From the raw wire value of a field to the bits of OperandValue.
uint64_t OperandBits(google::protobuf::FieldDescriptor::Type type, uint64_t raw);

// A literal of a contract, typed.
struct Literal {
  uint64_t bits = 0;
  std::string text;
};

struct Predicate {
  PredicateSpec::Kind kind = PredicateSpec::Kind::kPresent;
  int32_t left = -1;
  int32_t right = -1;  // -1: against literals
  std::vector<Literal> literals;
  bool present = true;
  int64_t at_least = 0;
  bool absent_is_false = false;
};

// Types the literals of `spec`. `left` and `right` are the types at the operand indexes given. InvalidArgument if a
// literal is no value of the field, the two operands do not compare, or the predicate lacks what it needs.
absl::StatusOr<Predicate> CompilePredicate(const PredicateSpec& spec, int32_t left, int32_t right,
                                           absl::Span<const OperandType> types);

// `values` by operand index.
bool Holds(const Predicate& predicate, absl::Span<const OperandType> types, absl::Span<const OperandValue> values);

}  // namespace postern::policy
