// The schema and the plans that both fuzz targets use. Input: one byte that picks a plan, then the record.
#pragma once

#include <vector>

#include "tests/unit/policy/projection/oracle.h"
#include "tests/unit/policy/projection/test_schema.h"

namespace postern::policy::testing {

struct FuzzPlan {
  PlanSpec spec;
  Engine engine;
  std::unique_ptr<Oracle> oracle;  // null where the plan has what the oracle does not know
};

// proto2 and proto3 records with every kind of field; plans of keep, transforms, conditions, and an empty one.
class FuzzPlans {
 public:
  FuzzPlans();
  const FuzzPlan& Pick(uint8_t byte) const { return plans_[byte % plans_.size()]; }

 private:
  void Add(PlanSpec spec, bool with_oracle);

  TestSchema proto2_, proto3_;
  std::vector<FuzzPlan> plans_;
};

}  // namespace postern::policy::testing
