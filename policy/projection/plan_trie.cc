#include "policy/projection/plan_trie.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "policy/projection/any_value.h"
#include "proto/errors/error.h"

namespace postern::policy {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

bool IsScalarMap(const FieldDescriptor& field) {
  return field.is_map() && field.message_type()->map_value()->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE;
}

bool SomeUse(const TrieNode& node, bool (FieldUse::*has)() const) {
  return std::any_of(node.uses.begin(), node.uses.end(), [has](const auto& use) { return (use.second.*has)(); });
}

// The node of what an Any holds, which the path goes on in behind the Any's field `value` at `i`.
absl::StatusOr<TrieNode*> EnterAny(const FieldPath& path, size_t i, TrieNode* any) {
  const bool goes_on = path[i]->number() == kAnyValue && i + 1 < path.size() && path[i + 1] != nullptr;
  if (!goes_on || !HasAnyForm(*any->type) || IsAny(*path[i + 1]->containing_type())) {
    return absl::InvalidArgumentError(
        absl::StrCat("path ", DottedPath(path), " names a google.protobuf.Any, not a field of a type that it holds"));
  }
  const Descriptor& type = *path[i + 1]->containing_type();
  std::unique_ptr<TrieNode>& packed = any->uses[kAnyValue].packed[TypeUrlOf(type)];
  if (packed == nullptr) packed = std::make_unique<TrieNode>();
  packed->type = &type;
  return packed.get();
}

absl::Status CheckStep(const Descriptor& type, const FieldDescriptor* field, const FieldPath& path) {
  if (field == nullptr || field->containing_type() != &type || field->is_extension()) {
    return absl::InvalidArgumentError(absl::StrCat("path ", DottedPath(path), " does not follow ", type.full_name()));
  }
  if (type.options().map_entry() && field->number() != 2) {
    return absl::InvalidArgumentError(absl::StrCat("path ", DottedPath(path), " names the key of a map"));
  }
  return absl::OkStatus();
}

}  // namespace

bool FieldUse::Grants() const {
  return leaf >= 0 || (inner != nullptr && SomeUse(*inner, &FieldUse::Grants)) ||
         std::any_of(packed.begin(), packed.end(),
                     [](const auto& type) { return SomeUse(*type.second, &FieldUse::Grants); });
}

bool FieldUse::HasReads() const {
  return !reads.empty() || (inner != nullptr && SomeUse(*inner, &FieldUse::HasReads));
}

bool FieldUse::HasAnys() const {
  return !packed.empty() || (inner != nullptr && SomeUse(*inner, &FieldUse::HasAnys));
}

absl::StatusOr<FieldUse*> AddPath(const FieldPath& path, TrieNode* root) {
  if (path.empty() || path.size() > static_cast<size_t>(wire::kMaxDepth)) {
    return absl::InvalidArgumentError(absl::StrCat("a path has 1 to ", wire::kMaxDepth, " fields"));
  }
  TrieNode* node = root;
  for (size_t i = 0;; ++i) {
    POSTERN_RETURN_IF_ERROR(CheckStep(*node->type, path[i], path));
    if (IsAny(*node->type)) {
      POSTERN_ASSIGN_OR_RETURN(node, EnterAny(path, i, node));
      continue;
    }
    const FieldDescriptor& field = *path[i];
    FieldUse& use = node->uses[field.number()];
    const bool at_end = i + 1 == path.size();
    if (IsScalarMap(field) && (at_end || i + 2 == path.size())) {
      if (!at_end) POSTERN_RETURN_IF_ERROR(CheckStep(*field.message_type(), path[i + 1], path));
      return &use;
    }
    if (at_end) return &use;
    if (field.message_type() == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("path ", DottedPath(path), " goes on below a scalar"));
    }
    if (use.inner == nullptr) {
      use.inner = std::make_unique<TrieNode>();
      use.inner->type = field.message_type();
    }
    node = use.inner.get();
  }
}

absl::Status CheckLeavesDoNotNest(const TrieNode& node) {
  for (const auto& [number, use] : node.uses) {
    for (const auto& [url, packed] : use.packed) POSTERN_RETURN_IF_ERROR(CheckLeavesDoNotNest(*packed));
    if (use.inner == nullptr) continue;
    const bool nested = std::any_of(use.inner->uses.begin(), use.inner->uses.end(),
                                    [](const auto& inner) { return inner.second.Grants(); });
    if (use.leaf >= 0 && nested) {
      return absl::InvalidArgumentError(
          absl::StrCat(node.type->FindFieldByNumber(number)->full_name(), " is granted whole and in part"));
    }
    POSTERN_RETURN_IF_ERROR(CheckLeavesDoNotNest(*use.inner));
  }
  return absl::OkStatus();
}

}  // namespace postern::policy
