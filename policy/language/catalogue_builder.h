// Builds a Catalogue and checks it. Used by catalogue.cc alone.
#pragma once

#include "policy/language/catalogue.h"

namespace postern::policy {

class CatalogueBuilder {
 public:
  CatalogueBuilder(const Vocabulary& vocabulary, Catalogue* catalogue, DiagnosticSink& sink)
      : vocabulary_(vocabulary), catalogue_(*catalogue), schema_(catalogue->schema()), sink_(sink) {}

  // Several overlays add up; saying two different things about one field is an error.
  void AddOverlay(const ParsedFile<v1::Catalogue>& file);
  // The options in the schema. After every overlay.
  void AddOptions();
  // Resolves leaves and roles of every record type. Last.
  void Finish();

 private:
  const google::protobuf::Descriptor* FindType(const std::string& name, const SourceLocation& at);
  void AddField(const google::protobuf::Descriptor& type, const v1::CatalogueField& field, const SourceNode& node,
                Catalogue::Entries* entries);
  void CheckCategory(const std::string& category, const SourceLocation& at);
  RecordType& Declare(const google::protobuf::Descriptor& type, const SourceLocation& at);
  void CollectRoles(RecordType& record);
  void AddRoles(RecordType& record, const FieldPath& path);

  const Vocabulary& vocabulary_;
  Catalogue& catalogue_;
  const Schema& schema_;
  DiagnosticSink& sink_;
};

}  // namespace postern::policy
