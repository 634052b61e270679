// The paths of a PlanSpec as a tree, checked: the step between the spec and the tables.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "policy/projection/plan_spec.h"
#include "policy/projection/tables.h"

namespace postern::policy {

struct TrieNode;

// What the plan does with one field of one message on a path.
struct FieldUse {
  int32_t leaf = -1;  // granted: index into PlanSpec::leaves
  std::vector<Read> reads;
  std::unique_ptr<TrieNode> inner;  // fields below it that are used
  // Of the field `value` of an Any, by type URL: the types that it is entered for.
  std::map<std::string, std::unique_ptr<TrieNode>> packed;
  bool Grants() const;
  bool HasReads() const;
  // True if an Any on the way is entered.
  bool HasAnys() const;
};

struct TrieNode {
  const google::protobuf::Descriptor* type = nullptr;
  std::map<int, FieldUse> uses;  // by field number
};

// Finds or makes the use at the end of `path`. InvalidArgument if the path is empty, longer than the depth limit, does
// not follow its descriptors, ends at or in a google.protobuf.Any and not in what it holds, or has an extension in it.
// A path that ends at the value of a map of scalars is the map's.
absl::StatusOr<FieldUse*> AddPath(const FieldPath& path, TrieNode* root);

// InvalidArgument if a granted leaf has granted leaves below it.
absl::Status CheckLeavesDoNotNest(const TrieNode& node);

}  // namespace postern::policy
