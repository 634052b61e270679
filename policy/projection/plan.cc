#include "policy/projection/plan.h"

#include "absl/strings/str_join.h"
#include "policy/projection/tables.h"

namespace postern::policy {

std::string DottedPath(const FieldPath& path) {
  return absl::StrJoin(path, ".", [](std::string* out, const google::protobuf::FieldDescriptor* field) {
    out->append(field == nullptr ? "?" : field->name());
  });
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
