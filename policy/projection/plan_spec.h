// What a ProjectionPlan is built from: one resolved grant, in terms of descriptors. The compiler (policy/language)
// writes it after every check of catalogue, privacy policy and contract has passed; BuildPlan turns it into the tables
// that the projector walks.
//
// Plain data. Descriptors must outlive the spec and every plan built from it.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <google/protobuf/descriptor.h>

#include "proto/postern/v1/classification.pb.h"
#include "proto/postern/v1/contract.pb.h"
#include "proto/postern/v1/privacy_policy.pb.h"

namespace postern::policy {

// Fields from the record type down to a leaf. For a map of scalars the map field itself is the leaf; into a map of
// messages or an Any a path goes by the field `value` of the entry or the Any, then a field of what that holds.
using FieldPath = std::vector<const google::protobuf::FieldDescriptor*>;

// Names joined by dots, "recipient.address.street", "parcels.weight": a map's `value` is not named, and an Any's stands
// as the type that the Any holds, "details[type.googleapis.com/shop.v1.Gift].note".
std::string DottedPath(const FieldPath& path);

// A transform is the contract's own message; monostate keeps the value.
using TransformSpec =
    std::variant<std::monostate, v1::Mask, v1::Truncate, v1::Generalise, v1::Pseudonymise, v1::Redact, v1::Constant>;

// One predicate with its paths resolved and its literals as written in the contract (already checked against the
// field's type).
struct PredicateSpec {
  FieldPath left;
  enum class Kind { kDiffersFrom, kEquals, kOneOf, kPresent, kAtLeast } kind = Kind::kPresent;
  FieldPath right;                    // kDiffersFrom / kEquals against another path; empty: against `literals`
  std::vector<std::string> literals;  // kEquals (one) and kOneOf (at least one), canonical text of the value
  bool present = true;                // kPresent
  int64_t at_least = 0;               // kAtLeast
  bool absent_is_false = false;       // set on imposed conditions: an absent operand makes the predicate false
};

// Why a leaf that is in the grant may still be withheld, beyond its conditions.
struct LeafSpec {
  FieldPath path;
  TransformSpec transform;
  FieldPath country;  // what the country_path of a postcode transform names; empty otherwise
  bool required = false;
  std::vector<PredicateSpec> when;    // all must hold; contract's and policy-imposed ones together
  bool withheld_from_minors = false;  // W6b
  int consent = -1;                   // index into PlanSpec::consents, -1: none needed
  bool free_text = false;
  v1::CardNumberAction on_card_number =
      v1::CARD_NUMBER_ACTION_UNSPECIFIED;  // for string leaves; UNSPECIFIED: not looked for
};

// A field that the gateway reads.
struct RoleSpec {
  v1::FieldRole role = v1::FIELD_ROLE_UNSPECIFIED;
  FieldPath path;
};

struct PlanSpec {
  const google::protobuf::Descriptor* record_type = nullptr;
  std::vector<LeafSpec> leaves;
  std::vector<RoleSpec> roles;
  std::vector<FieldPath> unclassified;  // leaves of the type that the catalogue does not classify (reason UNCLASSIFIED)
  std::vector<std::string> consents;    // consent keys that leaves refer to: "category:<id>" or "purpose:<id>"
  bool adult_only = false;              // no subject of this type can be a minor
  int32_t majority_age = 18;            // full years
  bool roles_required = true;           // false for inbound grants: a response need not have a key or a subject
};

}  // namespace postern::policy
