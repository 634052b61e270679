// Two records that differ only in content neither granted nor read give byte-identical output and verdict.
#include <cstdio>
#include <cstdlib>

#include "policy/projection/projector.h"
#include "tests/fuzz/projection/fuzz_schema.h"
#include "tests/unit/policy/projection/random_case.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace postern::policy;           // NOLINT(google-build-using-namespace): a fuzz target is one function
  using namespace postern::policy::testing;  // NOLINT(google-build-using-namespace)
  static const FuzzPlans* const plans = new FuzzPlans;
  if (size < 2) return 0;
  const FuzzPlan& plan = plans->Pick(data[0]);
  const std::string record(reinterpret_cast<const char*>(data) + 2, size - 2);
  RandomCase random(data[1]);
  const std::string other = random.ChangeWithheld(plan.spec, record);
  ProjectionResult first, second;
  const absl::Status one = Project(*plan.engine.plan, TestContext(), record, &first);
  const absl::Status two = Project(*plan.engine.plan, TestContext(), other, &second);
  if (one != two || first.bytes != second.bytes) {
    std::fprintf(stderr, "withheld content shows: %s / %s\n", one.ToString().c_str(), two.ToString().c_str());
    std::abort();
  }
  return 0;
}
