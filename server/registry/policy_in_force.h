// The policy that holds: the newest bundle's catalogue and privacy policy, compiled with the text of every contract's
// ACTIVE revision.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/language/compiler.h"
#include "proto/postern/v1/operator_service.pb.h"

namespace postern::registry {

// Contract name → its revision in force.
using ActiveRevisions = std::map<std::string, v1::ContractRevision>;

// Immutable once made.
struct PolicyInForce {
  std::string bundle_digest;
  ActiveRevisions revisions;  // of contracts that the bundle's text holds
  std::shared_ptr<const policy::CompiledBundle> bundle;

  // Null if the contract has no revision in force.
  const policy::CompiledContract* FindContract(absl::string_view name) const;
};

// The bundle as it was sent, contracts included.
policy::BundleSources SourcesOf(const v1::PolicyBundle& bundle);

// Compiles what would be in force with `bundle` and `revisions`; revisions of contracts outside the bundle's text are
// left out. POLICY_INVALID with the diagnostics.
absl::StatusOr<std::shared_ptr<const PolicyInForce>> CompileInForce(const v1::PolicyBundle& bundle,
                                                                    absl::string_view bundle_digest,
                                                                    ActiveRevisions revisions);

// The contract in `source`, as a revision holds it. INTERNAL if it does not parse: it did when it was applied.
absl::StatusOr<v1::Contract> ParseContract(const std::string& source);

// Lower-case hex SHA-256 of the content, independent of the order of files.
std::string BundleDigest(const v1::PolicyBundle& bundle);
// Lower-case hex SHA-256.
std::string TextDigest(absl::string_view text);

}  // namespace postern::registry
