#include "policy/language/catalogue.h"

#include <set>

#include "policy/language/catalogue_builder.h"
#include "policy/projection/any_value.h"

namespace postern::policy {

using ::google::protobuf::Descriptor;

const FieldPath* RecordType::FindRole(v1::FieldRole role) const {
  for (const RoleSpec& spec : roles) {
    if (spec.role == role) return &spec.path;
  }
  return nullptr;
}

std::unique_ptr<const Catalogue> Catalogue::Build(
    const Schema& schema, const std::vector<std::unique_ptr<ParsedFile<v1::Catalogue>>>& overlays,
    const Vocabulary& vocabulary, DiagnosticSink& sink) {
  auto catalogue = std::unique_ptr<Catalogue>(new Catalogue(&schema));
  CatalogueBuilder builder(vocabulary, catalogue.get(), sink);
  for (const auto& overlay : overlays) builder.AddOverlay(*overlay);
  builder.AddOptions();
  builder.Finish();
  return catalogue;
}

const RecordType* Catalogue::Find(absl::string_view full_name) const {
  auto it = record_types_.find(std::string(full_name));
  return it == record_types_.end() ? nullptr : &it->second;
}

std::vector<v1::FieldClassification> Catalogue::StatementsOn(const Descriptor& root, const FieldPath& path,
                                                             size_t length) const {
  std::vector<v1::FieldClassification> statements;
  const auto add = [&statements](const Entries& entries, const Descriptor* type, const std::string& dotted) {
    auto it = entries.find({type, dotted});
    if (it == entries.end()) return;
    v1::FieldClassification& statement = statements.emplace_back();
    statement.set_category(it->second.field.category());
    *statement.mutable_roles() = it->second.field.roles();
    statement.set_free_text(it->second.field.free_text());
  };
  if (!record_entries_.empty()) {
    add(record_entries_, &root, ToDotted(FieldPath(path.begin(), path.begin() + static_cast<ptrdiff_t>(length))));
  }
  if (!message_entries_.empty()) {
    for (size_t from = 0; from < length; ++from) {
      const Descriptor* type = path[from]->containing_type();
      if (type->options().map_entry()) continue;
      const auto begin = path.begin() + static_cast<ptrdiff_t>(from);
      add(message_entries_, type, ToDotted(FieldPath(begin, path.begin() + static_cast<ptrdiff_t>(length))));
    }
  }
  if (auto option = schema_->OptionOf(*path[length - 1])) statements.push_back(*std::move(option));
  return statements;
}

Classification Catalogue::Classify(const Descriptor& root, const FieldPath& path) const {
  for (size_t length = path.size(); length > 0; --length) {
    // What an Any holds has nothing from the field that holds it.
    if (length < path.size() && IsAnyValue(*path[length - 1])) break;
    for (const v1::FieldClassification& statement : StatementsOn(root, path, length)) {
      if (!statement.category().empty()) return {statement.category(), statement.free_text()};
    }
  }
  return {};
}

std::vector<std::string> Catalogue::CategoriesOf(const Descriptor& root, const FieldPath& path) const {
  const Descriptor* below = MessageBelow(*path.back());
  if (below == nullptr) return {Classify(root, path).category};
  std::set<std::string> categories;
  for (const FieldPath& rest : LeavesOf(*below).leaves) {
    FieldPath whole = path;
    whole.insert(whole.end(), rest.begin(), rest.end());
    categories.insert(Classify(root, whole).category);
  }
  return {categories.begin(), categories.end()};
}

std::vector<v1::FieldRole> Catalogue::RolesOf(const Descriptor& root, const FieldPath& path) const {
  std::vector<v1::FieldRole> roles;
  for (const v1::FieldClassification& statement : StatementsOn(root, path, path.size())) {
    for (int role : statement.roles()) roles.push_back(static_cast<v1::FieldRole>(role));
    if (!roles.empty()) break;
  }
  return roles;
}

std::vector<ClassifiedLeaf> Catalogue::ClassifiedLeaves(const Descriptor& root) const {
  std::vector<ClassifiedLeaf> leaves;
  for (FieldPath& path : LeavesOf(root).leaves) {
    ClassifiedLeaf& leaf = leaves.emplace_back();
    leaf.path = ToDotted(path);
    leaf.classification = Classify(root, path);
    leaf.fields = std::move(path);
  }
  return leaves;
}

}  // namespace postern::policy
