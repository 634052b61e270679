#include "policy/projection/plan_trie.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"

namespace postern::policy {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

bool IsScalarMap(const FieldDescriptor& field) {
  return field.is_map() && field.message_type()->map_value()->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE;
}

absl::Status CheckStep(const Descriptor& type, const FieldDescriptor* field, const FieldPath& path) {
  if (field == nullptr || field->containing_type() != &type || field->is_extension()) {
    return absl::InvalidArgumentError(absl::StrCat("path ", DottedPath(path), " does not follow ", type.full_name()));
  }
  if (type.full_name() == "google.protobuf.Any") {
    return absl::InvalidArgumentError(absl::StrCat("path ", DottedPath(path), " leads into google.protobuf.Any"));
  }
  if (type.options().map_entry() && field->number() != 2) {
    return absl::InvalidArgumentError(absl::StrCat("path ", DottedPath(path), " names the key of a map"));
  }
  return absl::OkStatus();
}

}  // namespace

bool FieldUse::Grants() const {
  if (leaf >= 0) return true;
  return inner != nullptr &&
         std::any_of(inner->uses.begin(), inner->uses.end(), [](const auto& use) { return use.second.Grants(); });
}

bool FieldUse::HasReads() const {
  if (!reads.empty()) return true;
  return inner != nullptr &&
         std::any_of(inner->uses.begin(), inner->uses.end(), [](const auto& use) { return use.second.HasReads(); });
}

absl::StatusOr<FieldUse*> AddPath(const FieldPath& path, TrieNode* root) {
  if (path.empty() || path.size() > static_cast<size_t>(wire::kMaxDepth)) {
    return absl::InvalidArgumentError(absl::StrCat("a path has 1 to ", wire::kMaxDepth, " fields"));
  }
  TrieNode* node = root;
  for (size_t i = 0;; ++i) {
    POSTERN_RETURN_IF_ERROR(CheckStep(*node->type, path[i], path));
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
