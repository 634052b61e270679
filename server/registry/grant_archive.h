// Grants as they were: the plan behind every grant that was ever in force, compiled again from what the store keeps of
// bundles and revisions.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "policy/language/compiler.h"
#include "server/registry/policy_in_force.h"
#include "server/storage/store.h"

namespace postern::registry {

// Thread-safe.
class GrantArchive {
 public:
  // Borrows the store. Remembers the last `kept` compilations.
  explicit GrantArchive(storage::Store* store, size_t kept = 16) : store_(store), kept_(kept) {}

  // The compiled grant behind `ref`; it shares ownership of its compilation. NOT_FOUND if bundle or revision are not
  // stored, POLICY_INVALID if they do not compile any more; LEDGER_UNAVAILABLE. Blocks, the first time for a
  // compilation.
  absl::StatusOr<std::shared_ptr<const policy::CompiledGrant>> Find(const storage::GrantRef& ref);

 private:
  using Key = std::pair<std::string, std::string>;  // bundle digest, contract revision

  absl::StatusOr<std::shared_ptr<const PolicyInForce>> Compile(const storage::GrantRef& ref) const;

  storage::Store* const store_;
  const size_t kept_;
  absl::Mutex mutex_;
  std::map<Key, std::shared_ptr<const PolicyInForce>> compiled_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::registry
