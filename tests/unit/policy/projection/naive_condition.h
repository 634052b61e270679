// What a condition says of a parsed record, by reflection.
#pragma once

#include <string>

#include <google/protobuf/message.h>

#include "policy/projection/plan_spec.h"

namespace postern::policy::testing {

// The text of the value at a path of singular fields, and whether it is there; absent, its default.
struct Found {
  bool present = false;
  std::string text;
};
Found FindAt(const google::protobuf::Message& record, const FieldPath& path);

// A singular scalar as text; "" for floating point.
std::string ScalarText(const google::protobuf::Message& message, const google::protobuf::FieldDescriptor& field);

bool HoldsNaively(const PredicateSpec& spec, const google::protobuf::Message& record);

}  // namespace postern::policy::testing
