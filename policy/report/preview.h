// One record as every partner would see it, side by side. Nothing is disclosed.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "policy/language/compiler.h"

namespace postern::policy {

struct PreviewOptions {
  absl::CivilDay today;
  PseudonymFn pseudonym;
  std::set<std::string> consents;  // consent keys on record, for example "category:customs"
  bool known_minor = false;        // a subject record says so
};

// One grant for the record's type.
struct PreviewColumn {
  std::string partner;
  std::string contract;
  std::string purpose;
  ContractStanding standing;                  // of the contract on that day; nothing would leave unless it is in force
  std::vector<std::string> missing_consents;  // keys that the grant asks for and that are not on record
  bool consent_missing = false;               // the whole disclosure would be refused for want of consent
  absl::Status status;                        // why the record would be refused; the rest is then empty
  std::string bytes;                          // what would leave, if nothing above stands against it
  std::vector<WithheldField> withheld;        // what would stay, with its reason
};

// A column for every grant, by contract name and purpose. RECORD_TYPE_UNKNOWN if the type is no record type; a
// malformed record fails in every column.
absl::StatusOr<std::vector<PreviewColumn>> Preview(const CompiledBundle& bundle, absl::string_view record_type,
                                                   absl::string_view record, const PreviewOptions& options);

}  // namespace postern::policy
