// Conditions of a field grant: what a contract writes and what the policy imposes, as PredicateSpecs.
#pragma once

#include <vector>

#include "policy/language/catalogue.h"
#include "policy/language/vocabulary.h"
#include "policy/projection/plan_spec.h"

namespace postern::policy {

// What a condition may look at. A field that leaves or stays shows the value of what decided it, so a condition may
// look only at what the partner could be granted.
struct ConditionScope {
  const google::protobuf::Descriptor* record_type = nullptr;
  const Catalogue* catalogue = nullptr;
  const Vocabulary* vocabulary = nullptr;
  const v1::Ceiling* ceiling = nullptr;
  bool inbound = false;
};

// What a condition or a postcode transform reads: a leaf of one value whose value the partner may learn. Empty and
// diagnosed if `path` is none.
FieldPath ResolveOperand(const std::string& path, const SourceLocation& at, const ConditionScope& scope,
                         DiagnosticSink& sink);

// Resolves and type-checks one condition. False if it is bad; `sink` then has an error.
bool CompileCondition(const v1::Condition& condition, const SourceNode& node, const ConditionScope& scope,
                      DiagnosticSink& sink, PredicateSpec* out);

// The condition that the policy imposes, on the roles of `record`. False if the record type lacks the roles.
bool CompileImposed(const v1::ImposedCondition& imposed, const RecordType& record, PredicateSpec* out);

}  // namespace postern::policy
