// Project: from a resolved target to an entry that can be sealed.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "policy/projection/projector.h"
#include "server/crypto/hmac.h"
#include "server/disclosure/entry.h"
#include "server/disclosure/observer.h"
#include "server/disclosure/projector_cache.h"
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

  // `index_key` is the key store's; `standings` is borrowed; `measures` are what statistics sum. The independent
  // verifier looks at every projection, and compares one in `compare_one_in` with its record, value by value.
  // `on_finding` may be null.
  Preparer(const crypto::HmacKey& index_key, const registry::SubjectStandings* standings, uint32_t compare_one_in,
           OnFinding on_finding, std::vector<Measure> measures = {})
      : index_key_(index_key),
        standings_(standings),
        compare_one_in_(compare_one_in == 0 ? 1 : compare_one_in),
        on_finding_(std::move(on_finding)),
        observer_(std::move(measures)) {}

  // The projector's errors, VERIFIER_FINDING, those of JudgeSubjects, or KEY_SHREDDED if the partner's own keys are
  // gone.
  absl::StatusOr<Entry> Prepare(const RequestFacts& facts, const Resolved& resolved,
                                std::shared_ptr<const registry::Snapshot> snapshot, bool exchange);

  // One target of a record that has several.
  struct Target {
    const v1::DisclosureTarget* name = nullptr;
    absl::StatusOr<Resolved> resolved;
    absl::StatusOr<Entry> entry;  // out: as Prepare, or why it was not resolved
  };
  // Prepares every target of one record, at most 8, for its queue. Several are projected in one walk.
  void PrepareAll(const RequestFacts& facts, const std::shared_ptr<const registry::Snapshot>& snapshot,
                  absl::Span<Target> targets);

  // The index value of the record's key, for a record that was refused. The projector's errors.
  absl::StatusOr<storage::Mac16> RecordKeyOf(const Resolved& resolved, absl::string_view record, absl::Time now) const;

  // The projector's errors and those of JudgeSubjects; nothing is counted and nothing verified.
  absl::Status Preview(const Resolved& resolved, absl::string_view record, absl::Time now,
                       policy::ProjectionResult* result, std::vector<policy::WithheldField>* withheld) const;

  uint64_t projected() const { return projected_.load(std::memory_order_relaxed); }
  uint64_t compared() const { return compared_.load(std::memory_order_relaxed); }

 private:
  // Returns how many of the subjects have a say in consents: those come first.
  size_t NameSubjects(const policy::Extracts& extracts, Entry* entry) const;
  // From what was projected without any consent to the entry.
  absl::StatusOr<Entry> MakeEntry(const RequestFacts& facts, const Resolved& resolved,
                                  std::shared_ptr<const registry::Snapshot> snapshot, bool exchange,
                                  const policy::ProjectionContext& context, policy::ProjectionResult result);
  // OK, or what the verifier found, once the partner has been stopped.
  absl::Status Verify(const Resolved& resolved, const policy::ProjectionContext& context, absl::string_view record,
                      absl::string_view projected);

  const crypto::HmacKey index_key_;
  const registry::SubjectStandings* const standings_;
  const uint32_t compare_one_in_;
  const OnFinding on_finding_;
  const Observer observer_;
  ProjectorCache projectors_;
  std::atomic<uint64_t> projected_{0};
  std::atomic<uint64_t> compared_{0};
};

}  // namespace postern::disclosure
