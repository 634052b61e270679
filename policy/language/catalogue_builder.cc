#include "policy/language/catalogue_builder.h"

#include <algorithm>
#include <set>

#include <google/protobuf/util/message_differencer.h>

#include "absl/strings/str_cat.h"
#include "policy/language/packed_leaves.h"
#include "policy/language/role_checks.h"
#include "policy/language/suggestion.h"
#include "policy/projection/any_value.h"

namespace postern::policy {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;

const Descriptor* CatalogueBuilder::FindType(const std::string& name, const SourceLocation& at) {
  const Descriptor* type = schema_.FindMessage(name);
  if (type != nullptr) return type;
  std::vector<std::string> names;
  for (const Descriptor* message : schema_.messages()) names.push_back(message->full_name());
  sink_.Error(at, absl::StrCat("unknown message type \"", name, "\""), "", DidYouMean(name, names));
  return nullptr;
}

RecordType& CatalogueBuilder::Declare(const Descriptor& type, const SourceLocation& at) {
  RecordType& record = catalogue_.record_types_[type.full_name()];
  if (record.descriptor == nullptr) {
    record.descriptor = &type;
    record.location = at;
  }
  return record;
}

void CatalogueBuilder::CheckCategory(const std::string& category, const SourceLocation& at) {
  if (category.empty() || vocabulary_.Category(category) != nullptr) return;
  sink_.Error(at, absl::StrCat("unknown category \"", category, "\""), "", vocabulary_.NearestCategory(category));
}

void CatalogueBuilder::AddField(const Descriptor& type, const v1::CatalogueField& field, const SourceNode& node,
                                Catalogue::Entries* entries) {
  const SourceLocation at = node.At(v1::CatalogueField::kPathFieldNumber);
  const PathResolution resolved = ResolvePath(type, field.path());
  if (resolved.path.empty()) {
    sink_.Error(at, resolved.problem, "",
                resolved.hint.empty() ? NearestPackedType(schema_, field.path()) : resolved.hint);
    return;
  }
  if (EntersAnyValue(resolved.path) && !field.roles().empty()) {
    sink_.Error(at, absl::StrCat("\"", field.path(), "\" is inside a google.protobuf.Any and can have no role"));
  }
  if (field.category().empty() && field.roles().empty()) {
    sink_.Error(at, absl::StrCat("\"", field.path(), "\" gets neither category nor role"));
  }
  CheckCategory(field.category(), node.At(v1::CatalogueField::kCategoryFieldNumber));
  const auto [it, fresh] = entries->insert({{&type, field.path()}, {field, at}});
  if (!fresh && !google::protobuf::util::MessageDifferencer::Equals(it->second.field, field)) {
    sink_.Error(at, absl::StrCat("\"", field.path(), "\" of ", type.full_name(), " is classified differently at ",
                                 ToString(it->second.location)));
  }
}

void CatalogueBuilder::AddOverlay(const ParsedFile<v1::Catalogue>& file) {
  const SourceNode root = file.root();
  for (int i = 0; i < file.message.record_types_size(); ++i) {
    const v1::CatalogueRecordType& said = file.message.record_types(i);
    const SourceNode node = root.Child(v1::Catalogue::kRecordTypesFieldNumber, i);
    const SourceLocation at = node.At(v1::CatalogueRecordType::kTypeFieldNumber);
    const Descriptor* type = FindType(said.type(), at);
    if (type == nullptr) continue;
    RecordType& record = Declare(*type, at);
    record.purpose_built |= said.purpose_built();
    record.adult_only |= said.adult_only();
    for (int j = 0; j < said.fields_size(); ++j) {
      AddField(*type, said.fields(j), node.Child(v1::CatalogueRecordType::kFieldsFieldNumber, j),
               &catalogue_.record_entries_);
    }
  }
  for (int i = 0; i < file.message.message_types_size(); ++i) {
    const v1::CatalogueMessageType& said = file.message.message_types(i);
    const SourceNode node = root.Child(v1::Catalogue::kMessageTypesFieldNumber, i);
    const Descriptor* type = FindType(said.type(), node.At(v1::CatalogueMessageType::kTypeFieldNumber));
    if (type == nullptr) continue;
    for (int j = 0; j < said.fields_size(); ++j) {
      AddField(*type, said.fields(j), node.Child(v1::CatalogueMessageType::kFieldsFieldNumber, j),
               &catalogue_.message_entries_);
    }
  }
}

void CatalogueBuilder::AddOptions() {
  for (const Descriptor* message : schema_.messages()) {
    if (const auto option = schema_.OptionOf(*message)) {
      RecordType& record = Declare(*message, Schema::LocationOf(*message));
      record.purpose_built |= option->purpose_built();
      record.adult_only |= option->adult_only();
    }
    for (int i = 0; i < message->field_count(); ++i) {
      if (const auto option = schema_.OptionOf(*message->field(i))) {
        CheckCategory(option->category(), Schema::LocationOf(*message->field(i)));
      }
    }
  }
}

void CatalogueBuilder::AddRoles(RecordType& record, const FieldPath& path) {
  for (v1::FieldRole role : catalogue_.RolesOf(*record.descriptor, path)) {
    if (role == v1::FIELD_ROLE_UNSPECIFIED || !v1::FieldRole_IsValid(role)) {
      sink_.Error(record.location, absl::StrCat("\"", ToDotted(path), "\" of ", record.descriptor->full_name(),
                                                " has a role that does not exist"));
      continue;
    }
    record.roles.push_back({role, path});
  }
}

void CatalogueBuilder::CollectRoles(RecordType& record) {
  // Leaves, and the messages above them: a role on a message is right for birth dates, and CheckRoles refuses it
  // elsewhere.
  std::set<FieldPath> seen;
  for (const ClassifiedLeaf& leaf : record.leaves) {
    for (size_t length = 1; length <= leaf.fields.size(); ++length) {
      FieldPath prefix(leaf.fields.begin(), leaf.fields.begin() + static_cast<ptrdiff_t>(length));
      // The value field of a map entry has no name of its own; the map field spoke for it.
      if (prefix.back()->containing_type()->options().map_entry()) continue;
      if (seen.insert(prefix).second) AddRoles(record, prefix);
    }
  }
}

void CatalogueBuilder::Finish() {
  for (auto& [name, record] : catalogue_.record_types_) {
    record.leaves = catalogue_.ClassifiedLeaves(*record.descriptor);
    for (const ClassifiedLeaf& leaf : record.leaves) {
      if (leaf.classification.category.empty()) record.unclassified.push_back(leaf.fields);
    }
    CollectRoles(record);
    CheckRoles(record, sink_);
  }
}

}  // namespace postern::policy
