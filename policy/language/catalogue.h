// The first layer, resolved: what every field of every record type is.
//
// The classification of a leaf is looked for in this order, and the first entry that names a category wins:
//   1. the overlay's entry for the leaf's path from the record type,
//   2. the overlay's entry for the leaf in a contained message type, the outermost message first,
//   3. the option on the leaf,
//   4. the same three for the field above it, and so on up to the record.
// Roles are looked for at the leaf alone: 1, 2, 3, first entry that has any.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <google/protobuf/descriptor.h>

#include "policy/language/diagnostic.h"
#include "policy/language/field_path.h"
#include "policy/language/schema.h"
#include "policy/language/source_text.h"
#include "policy/language/vocabulary.h"

namespace postern::policy {

struct Classification {
  std::string category;  // empty: unclassified
  bool free_text = false;
};

struct ClassifiedLeaf {
  std::string path;
  FieldPath fields;
  Classification classification;
};

struct RecordType {
  const google::protobuf::Descriptor* descriptor = nullptr;
  SourceLocation location;  // of the overlay, or of the message
  bool purpose_built = false;
  bool adult_only = false;
  std::vector<ClassifiedLeaf> leaves;
  std::vector<RoleSpec> roles;
  std::vector<FieldPath> unclassified;

  // The path of the first field with this role, null if none has it.
  const FieldPath* FindRole(v1::FieldRole role) const;
};

// Immutable; thread-safe. The schema must outlive it.
class Catalogue {
 public:
  static std::unique_ptr<const Catalogue> Build(const Schema& schema,
                                                const std::vector<std::unique_ptr<ParsedFile<v1::Catalogue>>>& overlays,
                                                const Vocabulary& vocabulary, DiagnosticSink& sink);

  // By full name; null if the type is none or no record type.
  const RecordType* Find(absl::string_view full_name) const;
  const std::map<std::string, RecordType>& record_types() const { return record_types_; }
  // Of any path from any message; `root` need not be a record type.
  Classification Classify(const google::protobuf::Descriptor& root, const FieldPath& path) const;
  // Of a leaf, its category; of a message, those of every leaf below it. Sorted; "" stands for unclassified.
  std::vector<std::string> CategoriesOf(const google::protobuf::Descriptor& root, const FieldPath& path) const;
  std::vector<v1::FieldRole> RolesOf(const google::protobuf::Descriptor& root, const FieldPath& path) const;
  // Every leaf below a message with its classification.
  std::vector<ClassifiedLeaf> ClassifiedLeaves(const google::protobuf::Descriptor& root) const;
  const Schema& schema() const { return *schema_; }

 private:
  friend class CatalogueBuilder;
  struct Entry {
    v1::CatalogueField field;
    SourceLocation location;
  };
  using Entries = std::map<std::pair<const google::protobuf::Descriptor*, std::string>, Entry>;
  explicit Catalogue(const Schema* schema) : schema_(schema) {}
  // What is said about the field at the end of the first `length` fields of `path`, in order of precedence.
  std::vector<v1::FieldClassification> StatementsOn(const google::protobuf::Descriptor& root, const FieldPath& path,
                                                    size_t length) const;

  const Schema* schema_;
  Entries record_entries_;
  Entries message_entries_;
  std::map<std::string, RecordType> record_types_;
};

}  // namespace postern::policy
