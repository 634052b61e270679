#include "policy/language/packed_leaves.h"

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "policy/language/suggestion.h"
#include "policy/projection/any_value.h"

namespace postern::policy {

using ::google::protobuf::Descriptor;

std::vector<ClassifiedLeaf> PackedLeaves(const PlanSpec& spec, const Catalogue& catalogue) {
  std::vector<ClassifiedLeaf> leaves;
  std::set<std::pair<FieldPath, const Descriptor*>> seen;
  for (const LeafSpec& granted : spec.leaves) {
    for (size_t i = 0; i + 1 < granted.path.size(); ++i) {
      const FieldPath prefix(granted.path.begin(), granted.path.begin() + static_cast<ptrdiff_t>(i) + 1);
      const Descriptor* type = granted.path[i + 1]->containing_type();
      if (!IsAnyValue(*prefix.back()) || !seen.emplace(prefix, type).second) continue;
      for (const FieldPath& below : LeavesOf(*type).leaves) {
        ClassifiedLeaf& leaf = leaves.emplace_back();
        leaf.fields = prefix;
        leaf.fields.insert(leaf.fields.end(), below.begin(), below.end());
        leaf.path = ToDotted(leaf.fields);
        leaf.classification = catalogue.Classify(*spec.record_type, leaf.fields);
      }
    }
  }
  return leaves;
}

std::string NearestPackedType(const Schema& schema, absl::string_view path) {
  for (size_t open = path.find('['); open != absl::string_view::npos; open = path.find('[', open + 1)) {
    absl::string_view name = path.substr(open + 1, path.find(']', open) - open - 1);
    if (!absl::ConsumePrefix(&name, kTypeUrlPrefix) || schema.FindMessage(name) != nullptr) continue;
    std::vector<std::string> names;
    for (const Descriptor* message : schema.messages()) names.push_back(message->full_name());
    return DidYouMean(name, names);
  }
  return "";
}

}  // namespace postern::policy
