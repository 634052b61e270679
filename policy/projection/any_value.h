// google.protobuf.Any, which is entered only where a plan lists the type that it holds.
//
// In a FieldPath the step into what an Any holds is its field `value`, followed by a field of the listed type:
// `details`, `value`, `note` is "details[type.googleapis.com/shop.v1.Gift].note". A type is listed by this one URL; an
// Any with any other holds nothing that the plan knows.
#pragma once

#include <string>

#include <google/protobuf/descriptor.h>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "policy/projection/plan_spec.h"

namespace postern::policy {

inline constexpr char kTypeUrlPrefix[] = "type.googleapis.com/";
inline constexpr int kAnyTypeUrl = 1, kAnyValue = 2;  // field numbers

// By name, and also by form: a string type_url = 1 and bytes value = 2.
bool IsAny(const google::protobuf::Descriptor& type);
bool HasAnyForm(const google::protobuf::Descriptor& type);
// True for the field `value` of an Any.
bool IsAnyValue(const google::protobuf::FieldDescriptor& field);
// True if the path leads into what an Any holds.
bool EntersAnyValue(const FieldPath& path);
// "type.googleapis.com/" and the full name.
std::string TypeUrlOf(const google::protobuf::Descriptor& type);

struct AnyParts {
  absl::string_view type_url, value;
};
// What a parser holds of an Any given as well-formed fragments: in whatever order they come, of each part the last.
AnyParts ReadAny(absl::Span<const absl::string_view> fragments);

}  // namespace postern::policy
