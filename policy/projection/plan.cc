#include "policy/projection/plan.h"

#include "absl/strings/str_cat.h"
#include "policy/projection/any_value.h"
#include "policy/projection/tables.h"

namespace postern::policy {

std::string DottedPath(const FieldPath& path) {
  std::string dotted;
  for (size_t i = 0; i < path.size(); ++i) {
    const google::protobuf::FieldDescriptor* field = path[i];
    if (field != nullptr && field->containing_type()->options().map_entry()) continue;
    if (field != nullptr && IsAnyValue(*field) && i + 1 < path.size() && path[i + 1] != nullptr) {
      absl::StrAppend(&dotted, "[", TypeUrlOf(*path[i + 1]->containing_type()), "]");
      continue;
    }
    absl::StrAppend(&dotted, dotted.empty() ? "" : ".", field == nullptr ? "?" : field->name());
  }
  return dotted;
}

ProjectionPlan::ProjectionPlan(std::unique_ptr<const Tables> tables) : tables_(std::move(tables)) {}
ProjectionPlan::~ProjectionPlan() = default;

const std::string& ProjectionPlan::record_type() const {
  return tables_->record_type;
}
const std::vector<std::string>& ProjectionPlan::consents() const {
  return tables_->consents;
}
const std::vector<std::string>& ProjectionPlan::withheld_paths() const {
  return tables_->withheld_paths;
}
const std::vector<std::string>& ProjectionPlan::granted_paths() const {
  return tables_->granted_paths;
}
bool ProjectionPlan::needs_pseudonym_key() const {
  return tables_->needs_pseudonym_key;
}

}  // namespace postern::policy
