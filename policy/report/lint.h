// What a sound bundle leaves to wish for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "policy/language/compiler.h"

namespace postern::policy {

struct LintFinding {
  enum class Kind {
    kUnclassifiedField,  // withheld until somebody says what it is
    kNewField,           // not in the previous descriptor set
    kUnusedCategory,     // declared, but no field is it
    kUnusedCeiling,      // a kind may have something for a purpose, and no contract grants it
    kWideCeiling,        // a ceiling has a category that no contract under it uses
    kUncheckedNumber,    // a granted number of a personal category that is wide enough for a card number
    kUnusedGrant,        // a granted field that no sample record of its type releases, or a grant that refuses them all
    kExpiring            // a contract or a document of it ends soon, or has ended
  };
  Kind kind = Kind::kUnclassifiedField;
  SourceLocation location;  // of the contract or the schema; may be empty
  std::string subject;      // field path, category or contract
  std::string message;
  std::string clause;
};

// "unclassified_field", ...: for output.
std::string KindText(LintFinding::Kind kind);

// A record as the shop sends it.
struct SampleRecord {
  std::string type;
  std::string bytes;
};

struct LintOptions {
  std::string previous_descriptor_set;  // empty: nothing to compare with
  std::optional<absl::CivilDay> today;  // absent: no expiry is looked at
  int expiry_warning_days = 30;
  // Records that are typical of their type; grants of types without any are not looked at. They are projected as if
  // every consent were on record.
  std::vector<SampleRecord> samples;
};

// Findings by kind, then subject; none holds a value of a record. Fails with POLICY_INVALID if the previous descriptor
// set does not link.
absl::StatusOr<std::vector<LintFinding>> Lint(const CompiledBundle& bundle, const LintOptions& options);

}  // namespace postern::policy
