// Any bytes are a record: the projector must agree with the oracle on accept, refuse and output, and the verifier must
// find nothing.
#include <cstdio>
#include <cstdlib>

#include "policy/projection/projector.h"
#include "tests/fuzz/projection/fuzz_schema.h"

namespace {

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "projector fuzzer: %s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace postern::policy;           // NOLINT(google-build-using-namespace): a fuzz target is one function
  using namespace postern::policy::testing;  // NOLINT(google-build-using-namespace)
  static const FuzzPlans* const plans = new FuzzPlans;
  if (size == 0) return 0;
  const FuzzPlan& plan = plans->Pick(data[0]);
  const absl::string_view record(reinterpret_cast<const char*>(data) + 1, size - 1);
  const ProjectionContext context = TestContext();
  ProjectionResult result;
  const absl::Status status = Project(*plan.engine.plan, context, record, &result);
  Require(status.ok() || result.bytes.empty(), "a refused record has output");
  if (plan.oracle != nullptr) {
    const auto expected = plan.oracle->Project(context, record);
    Require(status.ok() == expected.has_value(), "projector and oracle disagree on refusal");
    Require(!status.ok() || result.bytes == *expected, "projector and oracle disagree on output");
  }
  if (status.ok()) {
    Require(plan.engine.verifier->Verify(context, record, result.bytes).ok(), "the verifier has a finding");
    Require(plan.engine.verifier->Compare(context, record, result.bytes).ok(), "the comparison has a finding");
  }
  std::vector<WithheldField> withheld;
  Extracts extracts;
  (void)ExplainWithheld(*plan.engine.plan, context, record, &withheld).ok();
  (void)ExtractRoles(*plan.engine.plan, context.today, record, &extracts).ok();
  return 0;
}
