// Transforms of granted leaves. Each takes only certain field types; policy/projection/README.md says which, and what
// comes out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/projection/amount.h"
#include "policy/projection/date_value.h"
#include "policy/projection/plan_spec.h"
#include "policy/projection/projector.h"
#include "policy/projection/redact.h"

namespace postern::policy {

// OK if `field`, the last of a leaf's path, can take `transform` with the parameters it has. Otherwise InvalidArgument
// whose message says what is wrong in terms of the contract. For a map of scalars the transform applies to the values.
absl::Status CheckTransform(const google::protobuf::FieldDescriptor& field, const TransformSpec& transform);

// A transform, compiled. Immutable and cheap to copy.
class Transform {
 public:
  // Same errors as CheckTransform.
  static absl::StatusOr<Transform> Create(const google::protobuf::FieldDescriptor& field, const TransformSpec& spec);
  Transform() = default;  // keep

  bool is_keep() const { return kind_ == Kind::kKeep; }
  bool is_postcode() const { return kind_ == Kind::kPostcode; }
  bool is_constant() const { return kind_ == Kind::kConstant; }
  bool needs_pseudonym_key() const { return kind_ == Kind::kPseudonymise; }
  // True if its input must be valid UTF-8 even where the schema does not say so (proto2).
  bool needs_utf8() const { return kind_ != Kind::kKeep && kind_ != Kind::kPseudonymise && kind_ != Kind::kConstant; }
  v1::Generalise::DateUnit date_unit() const { return unit_; }

  // Appends the transformed text. False if the value cannot be transformed and so does not leave; `out` is then
  // unchanged.
  bool AppendText(absl::string_view value, PseudonymFn pseudonym, std::string* out) const;
  // The same for a postcode transform, which needs the country (empty: there is none).
  bool AppendPostcode(absl::string_view value, absl::string_view country, std::string* out) const;
  // For a step: appends the fields of the amount. False as above.
  bool AppendMoney(const Money& money, std::string* out) const;
  // Transforms the raw wire value of an integer or floating-point field. False as above.
  bool ApplyNumber(google::protobuf::FieldDescriptor::Type type, uint64_t* raw) const;

 private:
  enum class Kind : uint8_t {
    kKeep,
    kMask,
    kTruncate,
    kDate,
    kStep,
    kPrefix,
    kPostcode,
    kPseudonymise,
    kRedact,
    kConstant
  };
  Kind kind_ = Kind::kKeep;
  v1::Generalise::DateUnit unit_ = v1::Generalise::DATE_UNIT_UNSPECIFIED;
  int32_t first_ = 0;  // mask: kept at the start; truncate and prefix: kept; postcode: kept where no rule says
  int32_t last_ = 0;   // mask: kept at the end
  int64_t step_ = 1;
  std::string text_;  // mask: the replacement; constant: the value
  std::shared_ptr<const Redactor> redactor_;
  std::shared_ptr<const absl::flat_hash_map<std::string, int32_t>> by_country_;  // postcode: kept
};

}  // namespace postern::policy
