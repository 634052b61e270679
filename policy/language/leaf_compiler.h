// One granted field: path, category, ceiling, transform and conditions, as a LeafSpec.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policy/language/condition_compiler.h"

namespace postern::policy {

// Compiles the fields of one grant, one after the other, and keeps what they share: consents and the paths granted so
// far.
class LeafCompiler {
 public:
  // `record` is null for inbound grants: nothing is imposed on what a partner answers.
  LeafCompiler(const ConditionScope& scope, const RecordType* record, DiagnosticSink& sink)
      : scope_(scope), record_(record), sink_(sink) {}

  // Nullopt and an error if the field cannot be granted so.
  std::optional<LeafSpec> Compile(const v1::FieldGrant& field, const SourceNode& node);
  // "category:<id>" and "purpose:<id>" that leaves refer to.
  const std::vector<std::string>& consents() const { return consents_; }

 private:
  bool CheckPath(const v1::FieldGrant& field, const SourceNode& node, FieldPath* path);
  bool CheckNotGrantedYet(const std::string& path, const SourceLocation& at);
  bool CheckCategory(const std::string& category, const v1::FieldGrant& field, const SourceNode& node);
  bool CheckInboundCategory(const std::string& category, const v1::FieldGrant& field, const SourceNode& node);
  bool Impose(const std::string& category, const SourceNode& node, LeafSpec* leaf);
  int ConsentIndex(const std::string& key);
  bool CheckIsText(const FieldPath& country, const SourceLocation& at);
  bool CheckRequired(const LeafSpec& leaf, const SourceNode& node);

  const ConditionScope scope_;
  const RecordType* record_;
  DiagnosticSink& sink_;
  std::vector<std::string> consents_;
  std::map<std::string, SourceLocation> granted_;  // by path
};

}  // namespace postern::policy
