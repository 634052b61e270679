// Words for parts of a compiled grant, shared by the reports.
#pragma once

#include <string>
#include <vector>

#include "policy/language/compiler.h"

namespace postern::policy {

// "mask { keep_last: 4 }"; empty for keep. Written as in a contract.
std::string TransformText(const TransformSpec& transform);
// "recipient.address.country differs from sender.country". A condition that needs both sides present says so.
std::string PredicateText(const PredicateSpec& predicate);
std::vector<std::string> PredicateTexts(const LeafSpec& leaf);
// "repeated string", "map<string, int32>", "shop.v1.OrderState".
std::string TypeText(const google::protobuf::FieldDescriptor& field);
// "logistics", "record_key", ...: the short name of a role.
std::string RoleText(v1::FieldRole role);
// The leaf of `spec` that covers `path`: the same path, or a date above it that is granted whole. Null if none does.
const LeafSpec* FindLeaf(const PlanSpec& spec, const FieldPath& path);

}  // namespace postern::policy
