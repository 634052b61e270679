// Dotted paths of the language and the descriptors they name.
//
// A leaf is a scalar, string, bytes or enum field, or a map whose values are scalars. Repeated fields and maps have no
// index in a path; below a map of messages the path goes straight to the fields of the value. What a
// google.protobuf.Any holds is named by its type URL in brackets: "details[type.googleapis.com/shop.v1.Gift].note".
#pragma once

#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>

#include "absl/strings/string_view.h"
#include "policy/projection/plan_spec.h"

namespace postern::policy {

// "customs.items.hs_code", as DottedPath: the value field of a map entry has no name in it, nor that of an Any.
std::string ToDotted(const FieldPath& path);

struct PathResolution {
  FieldPath path;       // empty if it does not resolve
  std::string problem;  // then why, for a diagnostic
  std::string hint;
};

// Never fails on any text; see PathResolution.
PathResolution ResolvePath(const google::protobuf::Descriptor& root, absl::string_view dotted);

// The message below the last field, null for a leaf. For a map of messages that is the value's message.
const google::protobuf::Descriptor* MessageBelow(const google::protobuf::FieldDescriptor& field);
inline bool IsLeaf(const FieldPath& path) {
  return !path.empty() && MessageBelow(*path.back()) == nullptr;
}
// True if a field of the path is repeated, so that a record can hold several values.
bool IsRepeated(const FieldPath& path);

// Every leaf below a message, in declaration order. A message type that contains itself is entered once a path.
struct LeafList {
  std::vector<FieldPath> leaves;
  bool complete = true;  // false: more than kMaxLeaves, or deeper than kMaxLeafDepth; the rest is left out
};
inline constexpr size_t kMaxLeaves = 20000;
inline constexpr size_t kMaxLeafDepth = 64;  // messages
LeafList LeavesOf(const google::protobuf::Descriptor& root);

}  // namespace postern::policy
