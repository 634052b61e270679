// What the verifier decides about a record: whether a condition holds, whether somebody in it may be a minor.
#pragma once

#include <optional>
#include <string>

#include <google/protobuf/descriptor.h>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "policy/projection/plan_spec.h"
#include "policy/projection/projector.h"
#include "policy/projection/record_view.h"
#include "policy/projection/verifier_values.h"

namespace postern::policy {

// A value that a condition looks at, in the form of TextOf.
struct Operand {
  bool present = false;
  std::string text;
};

// `value` null: the field is absent, and so is one without presence that holds zero; the text is then the default's.
Operand OperandOf(const google::protobuf::FieldDescriptor& field, const ViewedValue* value);

// `right` is not looked at where the predicate has literals.
bool Holds(const PredicateSpec& spec, const Operand& left, const Operand& right);

// Collects what a record tells of ages.
class Minority {
 public:
  Minority(const PlanSpec& spec, const ProjectionContext& context)
      : spec_(spec), context_(context), minor_(context.known_minor) {}

  void AddFlag(const google::protobuf::FieldDescriptor& field, uint64_t value);
  // A birth date as text, and as a message of type `type`. What is none says nothing.
  void AddBirthDate(absl::string_view text);
  void AddBirthDate(const google::protobuf::Descriptor& type, const DateFields& date);

  bool MayBeMinor() const { return minor_ || (!known_ && !spec_.adult_only); }

 private:
  void AddBirthDay(std::optional<absl::CivilDay> born);

  const PlanSpec& spec_;
  const ProjectionContext& context_;
  bool minor_;
  bool known_ = false;
};

// True for float and double.
bool IsReal(const google::protobuf::FieldDescriptor& field);

}  // namespace postern::policy
