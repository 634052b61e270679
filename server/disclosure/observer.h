// What a record says for anonymous statistics: where it goes, and the numbers that the configuration wants summed.
// Taken down beside the disclosure and committed with it; it names nobody, and is forgotten once it is counted.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "policy/language/compiler.h"
#include "policy/projection/projector.h"

namespace postern::disclosure {

// A number in records of one type, by dotted paths.
struct Measure {
  std::string name;
  std::string record_type;
  std::string path;
  std::string unit_path;  // may be empty
};

// Thread-safe.
class Observer {
 public:
  explicit Observer(std::vector<Measure> measures) : measures_(std::move(measures)) {}

  // A serialised StatisticsObservation, empty if there is nothing to say. A measure that the bundle does not have, or
  // whose value is absent, is left out; a region or unit that is not one is taken for none.
  std::string Observe(const std::shared_ptr<const policy::CompiledBundle>& bundle, absl::string_view record_type,
                      absl::string_view record, const policy::Extracts& extracts) const;

 private:
  // Field numbers from the record down to a leaf; empty if there is none to read.
  using Path = std::vector<uint32_t>;
  struct Compiled {
    const Measure* measure = nullptr;
    Path value;
    bool zigzag = false;
    Path unit;
    std::string category;
  };
  // Those of one bundle that can be read.
  struct Plan {
    std::shared_ptr<const policy::CompiledBundle> bundle;
    std::vector<Compiled> measures;
  };
  std::shared_ptr<const Plan> PlanFor(const std::shared_ptr<const policy::CompiledBundle>& bundle) const;

  const std::vector<Measure> measures_;
  mutable absl::Mutex mutex_;
  mutable std::shared_ptr<const Plan> plan_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::disclosure
