// Any bytes are a record, and any others are what a broken projector might have let out of it. The verifier must not
// fall over, and what it accepts under a plan of keep without conditions must hold nothing that the projector would
// withhold. Input: one byte that picks a plan; one that says how the output is made; one that parts record and output.
#include <cstdio>
#include <cstdlib>

#include "policy/projection/projector.h"
#include "tests/fuzz/projection/fuzz_schema.h"

namespace {

using namespace postern::policy;           // NOLINT(google-build-using-namespace): a fuzz target is one function
using namespace postern::policy::testing;  // NOLINT(google-build-using-namespace)

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "verifier fuzzer: %s\n", what);
  std::abort();
}

bool IsPlainKeep(const PlanSpec& spec) {
  for (const LeafSpec& leaf : spec.leaves) {
    if (leaf.transform.index() != 0 || !leaf.when.empty() || leaf.on_card_number != 0) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const FuzzPlans* const plans = new FuzzPlans;
  if (size < 3) return 0;
  const FuzzPlan& plan = plans->Pick(data[0]);
  const ProjectionContext context = TestContext();
  absl::string_view rest(reinterpret_cast<const char*>(data) + 3, size - 3);
  absl::string_view record = rest;
  std::string output;
  if (data[1] % 2 == 0) {
    record = rest.substr(0, rest.size() * data[2] / 256);
    output = std::string(rest.substr(record.size()));
  } else {  // the projection with one byte changed
    ProjectionResult result;
    if (!Project(*plan.engine.plan, context, record, &result).ok()) return 0;
    output = result.bytes;
    if (!output.empty()) output[data[2] % output.size()] = static_cast<char>(output[data[2] % output.size()] + data[1]);
  }
  if (!plan.engine.verifier->Verify(context, record, output).ok() || !IsPlainKeep(plan.spec)) return 0;
  ProjectionResult again;
  if (!Project(*plan.engine.plan, context, output, &again).ok()) return 0;
  for (const uint64_t bits : again.withheld_bits) Require(bits == 0, "accepted output holds what is not granted");
  return 0;
}
