// Project: from a resolved target to an entry that can be sealed.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "policy/projection/projector.h"
#include "server/crypto/hmac.h"
#include "server/disclosure/entry.h"
#include "server/disclosure/resolver.h"
#include "server/registry/snapshot.h"
#include "server/registry/subject_standings.h"

namespace postern::disclosure {

// Thread-safe.
class Preparer {
 public:
  // The independent verifier found that a projection holds more than `partner` is granted, at `path` of the record
  // type. Nothing of that record leaves. Called on the caller's thread before anything else is projected for it; may
  // block for as long as it takes to stop the partner.
  using OnFinding = std::function<void(const std::string& partner, const std::string& path)>;

  // `index_key` is the key store's; `standings` is borrowed. The independent verifier looks at one projection in
  // `verify_one_in`; `on_finding` may be null.
  Preparer(const crypto::HmacKey& index_key, const registry::SubjectStandings* standings, uint32_t verify_one_in,
           OnFinding on_finding)
      : index_key_(index_key),
        standings_(standings),
        verify_one_in_(verify_one_in == 0 ? 1 : verify_one_in),
        on_finding_(std::move(on_finding)) {}

  // The projector's errors, VERIFIER_FINDING, those of JudgeSubjects, or KEY_SHREDDED if the partner's own keys are
  // gone.
  absl::StatusOr<Entry> Prepare(const RequestFacts& facts, const Resolved& resolved,
                                std::shared_ptr<const registry::Snapshot> snapshot, bool exchange);

  // The index value of the record's key, for a record that was refused. The projector's errors.
  absl::StatusOr<storage::Mac16> RecordKeyOf(const Resolved& resolved, absl::string_view record, absl::Time now) const;

  // The projector's errors and those of JudgeSubjects; nothing is counted and nothing verified.
  absl::Status Preview(const Resolved& resolved, absl::string_view record, absl::Time now,
                       policy::ProjectionResult* result, std::vector<policy::WithheldField>* withheld) const;

  uint64_t projected() const { return projected_.load(std::memory_order_relaxed); }
  uint64_t verified() const { return verified_.load(std::memory_order_relaxed); }

 private:
  // Returns how many of the subjects have a say in consents: those come first.
  size_t NameSubjects(const policy::Extracts& extracts, Entry* entry) const;

  const crypto::HmacKey index_key_;
  const registry::SubjectStandings* const standings_;
  const uint32_t verify_one_in_;
  const OnFinding on_finding_;
  std::atomic<uint64_t> projected_{0};
  std::atomic<uint64_t> verified_{0};
};

}  // namespace postern::disclosure
