// Why each field of a record type does or does not reach a partner.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "policy/language/compiler.h"

namespace postern::policy {

struct ExplainedLeaf {
  std::string path;
  std::string type;
  std::string category;  // empty: unclassified
  std::vector<std::string> roles;
  bool granted = false;
  bool required = false;
  std::string transform;                // empty: kept as it is
  std::vector<std::string> conditions;  // the contract's and the policy's
  bool withheld_from_minors = false;
  std::string consent;  // key of the consent it waits for; empty: none
  std::string reason;   // why it is granted or not, a short sentence
  std::string clause;   // what allows or forbids it
};

struct Explanation {
  std::string partner;
  std::string contract;
  std::string purpose;
  std::string record_type;
  std::string justification;
  bool consent_required = false;
  std::vector<ExplainedLeaf> leaves;  // in declaration order
};

// `partner` is "partners/p", or the full name of one of its contracts. Of several contracts the first by name that
// grants the pair counts. Errors: PARTNER_UNKNOWN, RECORD_TYPE_UNKNOWN, PURPOSE_NOT_GRANTED.
absl::StatusOr<Explanation> Explain(const CompiledBundle& bundle, absl::string_view partner, absl::string_view purpose,
                                    absl::string_view record_type);

}  // namespace postern::policy
