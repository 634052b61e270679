// The current scope of sharing (W8), as data: what a page that tells it is rendered from.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "policy/language/compiler.h"

namespace postern::policy {

struct SharedCategory {
  std::string name;                     // for people
  std::vector<std::string> fields;      // paths
  std::vector<std::string> treatments;  // transforms, conditions, consent and minors' protection, in words
};

struct SharedPurpose {
  std::string name;
  std::string record_type;
  std::string justification;
  std::string clauses;
  bool consent_required = false;
  std::vector<SharedCategory> categories;
};

struct SharingPartner {
  std::string name;
  std::string contract;
  std::string kind;
  std::string country;
  std::string role;
  std::string effective_on;
  std::string expires_on;
  std::string kept_for;  // "90 days after delivered"
  std::string channel;
  bool paused = false;                  // suspended: nothing is handed on until it is resumed
  std::vector<std::string> exemptions;  // "customs declaration: customs law, at most 3650 days"
  std::vector<SharedPurpose> purposes;
  std::vector<SharedPurpose> returned;  // what comes back
};

struct SharingScope {
  std::string policy;
  std::string version;
  std::string effective_on;
  std::vector<SharingPartner> partners;
  std::vector<std::string> never_shared;  // names of categories that no contract can grant, with their clause
  std::vector<std::string> internal_purposes;
};

// Every contract of the bundle; with `day`, those in force on it.
SharingScope DescribeSharing(const CompiledBundle& bundle, std::optional<absl::CivilDay> day = std::nullopt);

}  // namespace postern::policy
