// The projector against the oracle and the verifier, over random schemas, grants, records and damage.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "policy/projection/fast_path.h"
#include "policy/projection/multi_projector.h"
#include "policy/projection/projector.h"
#include "tests/unit/policy/projection/naive_report.h"
#include "tests/unit/policy/projection/oracle.h"
#include "tests/unit/policy/projection/random_case.h"
#include "tests/unit/policy/projection/test_schema.h"

namespace postern::policy::testing {
namespace {

constexpr int kShards = 8;

// Records of all shards of the first test; the others take a part of it. POSTERN_ORACLE_CASES sets another number, for
// a long run.
int64_t AllCases() {
  if (const char* cases = std::getenv("POSTERN_ORACLE_CASES")) return std::atoll(cases);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__clang__)
  return 8000;  // instrumented: the point is another one
#else
  return 100000;
#endif
}

uint64_t Seed() {
  const char* seed = std::getenv("POSTERN_ORACLE_SEED");
  return seed == nullptr ? 20260615 : std::strtoull(seed, nullptr, 10);
}

// True if a map of the record itself left.
bool HasEntry(const google::protobuf::Descriptor& type, const std::string& output) {
  std::vector<RawField> fields;
  if (!SplitFields(output, &fields)) return false;
  return std::any_of(fields.begin(), fields.end(), [&](const RawField& field) {
    const auto* descriptor = type.FindFieldByNumber(field.number);
    return descriptor != nullptr && descriptor->is_map();
  });
}

constexpr int kSpecsPerSchema = 4;
constexpr int kRecordsPerSpec = 50;

class OracleTest : public ::testing::TestWithParam<int> {
 protected:
  static int64_t Cases() { return AllCases() / kShards; }

  // Runs `check(random, spec, engine, oracle, record)` for random cases.
  template <typename Check>
  void ForRandomCases(uint64_t salt, bool plain, int64_t cases, Check&& check) {
    const google::protobuf::LogSilencer quiet;  // libprotobuf complains of what it refuses
    RandomCase random(Seed() + salt + 1000 * static_cast<uint64_t>(GetParam()));
    for (int64_t done = 0; done < cases;) {
      const auto schema = random.Schema();
      const auto& root = *schema->Type("M0");
      const auto prototype = schema->New(root);
      for (int i = 0; i < kSpecsPerSchema; ++i) {
        const PlanSpec spec = random.Spec(root, plain);
        const Engine engine = MakeEngine(spec);
        const Oracle oracle(spec);
        for (int j = 0; j < kRecordsPerSpec; ++j, ++done) {
          const std::string record = random.Record(*prototype);
          check(random, spec, engine, oracle, record);
          if (::testing::Test::HasFailure()) {
            ADD_FAILURE() << "case " << done << " record " << absl::BytesToHexString(record) << "\n"
                          << root.file()->DebugString()
                          << "granted: " << ::testing::PrintToString(engine.plan->granted_paths());
            return;
          }
        }
      }
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Shard, OracleTest, ::testing::Range(0, kShards));

// Clause: P1.1a
TEST_P(OracleTest, ProjectionMeansParseTrimSerialise) {
  int64_t accepted = 0, refused = 0, fast = 0, fast_maps = 0;
  ProjectionResult result, alone;
  ForRandomCases(
      1, false, Cases(),
      [&](RandomCase&, const PlanSpec& spec, const Engine& engine, const Oracle& oracle, const std::string& record) {
        const auto expected = oracle.Project(TestContext(), record);
        const absl::Status status = Project(*engine.plan, TestContext(), record, &result);
        EXPECT_EQ(status.ok(), expected.has_value()) << status;
        if (!expected.has_value()) {
          ++refused;
          EXPECT_TRUE(result.bytes.empty());
          return;
        }
        ++accepted;
        EXPECT_EQ(absl::BytesToHexString(result.bytes), absl::BytesToHexString(*expected));
        absl::Status ignored;
        alone.Clear();
        if (ProjectFast(engine.plan->tables(), TestContext(), record, &alone, &ignored)) {
          ++fast;
          fast_maps += HasEntry(*spec.record_type, alone.bytes);
        }
        EXPECT_EQ(engine.verifier->Verify(TestContext(), record, result.bytes), absl::OkStatus());
        EXPECT_EQ(engine.verifier->Compare(TestContext(), record, result.bytes), absl::OkStatus());
      });
  std::printf("%lld records projected (%lld by the fast walk, %lld of them with maps), %lld refused, by both engines\n",
              static_cast<long long>(accepted), static_cast<long long>(fast), static_cast<long long>(fast_maps),
              static_cast<long long>(refused));
  EXPECT_GT(fast, Cases() / 10);
  EXPECT_GE(fast_maps, Cases() / 5000);
  EXPECT_GT(accepted, Cases() / 2);
  EXPECT_GT(refused, Cases() / 100);
}

// What the verifier's quick look lets pass must be what projecting it once more lets pass: of plans of keep without
// conditions, the projection of an accepted output withholds nothing.
TEST_P(OracleTest, VerifierAcceptsNothingThatIsNotGranted) {
  int64_t accepted = 0, found = 0;
  ProjectionResult result, again;
  ForRandomCases(
      6, true, Cases() / 4,
      [&](RandomCase& random, const PlanSpec&, const Engine& engine, const Oracle&, const std::string& record) {
        if (!Project(*engine.plan, TestContext(), record, &result).ok()) return;
        std::string output = random.Chance(50) ? result.bytes : record;
        if (!output.empty() && random.Chance(70))
          output[random.Below(output.size())] ^= static_cast<char>(random.Below(256));
        const absl::Status verdict = engine.verifier->Verify(TestContext(), record, output);
        found += !verdict.ok();
        if (!verdict.ok() || !Project(*engine.plan, TestContext(), output, &again).ok()) return;
        ++accepted;
        for (const uint64_t bits : again.withheld_bits) EXPECT_EQ(bits, 0u) << absl::BytesToHexString(output);
      });
  EXPECT_GT(accepted, Cases() / 100);
  EXPECT_GT(found, Cases() / 100);
}

// What the same grants without conditions, ages and consents let out is accepted only where these change nothing.
TEST_P(OracleTest, VerifierDecidesForItself) {
  int64_t accepted = 0, found = 0;
  ProjectionResult guarded, unguarded;
  ForRandomCases(
      7, false, Cases() / 8,
      [&](RandomCase&, const PlanSpec& spec, const Engine& engine, const Oracle&, const std::string& record) {
        PlanSpec open = spec;
        for (LeafSpec& leaf : open.leaves) {
          leaf.when.clear();
          leaf.withheld_from_minors = false;
          leaf.consent = -1;
        }
        const auto plan = BuildPlan(open);
        ASSERT_TRUE(plan.ok()) << plan.status();
        if (!Project(**plan, TestContext(), record, &unguarded).ok()) return;
        if (!Project(*engine.plan, TestContext(), record, &guarded).ok()) return;
        const bool verified = engine.verifier->Verify(TestContext(), record, unguarded.bytes).ok();
        EXPECT_EQ(verified, guarded.bytes == unguarded.bytes);
        (verified ? accepted : found) += 1;
      });
  EXPECT_GT(accepted, Cases() / 100);
  EXPECT_GE(found, Cases() / 2000);
}

// Clause: P1.1a
TEST_P(OracleTest, OneWalkForSeveralTargetsGivesEachItsOwn) {
  const google::protobuf::LogSilencer quiet;
  RandomCase random(Seed() + 5 + 1000 * static_cast<uint64_t>(GetParam()));
  const ProjectionContext context = TestContext();
  int64_t accepted = 0;
  for (int64_t done = 0; done < Cases() / 4;) {
    const auto schema = random.Schema();
    const auto& root = *schema->Type("M0");
    const auto prototype = schema->New(root);
    std::vector<std::shared_ptr<const ProjectionPlan>> plans;
    const PlanSpec first = random.Spec(root, false);
    const size_t targets_count = 1 + random.Below(8);
    for (size_t i = 0; i < targets_count; ++i) {
      PlanSpec spec = random.Spec(root, random.Chance(50));
      if (random.Chance(80)) spec.roles = first.roles;  // as of one catalogue
      plans.push_back(MakeEngine(spec).plan);
    }
    const auto multi = MultiProjector::Create(plans);
    ASSERT_TRUE(multi.ok()) << multi.status();
    std::vector<ProjectionResult> results(plans.size());
    std::vector<MultiProjector::Target> targets(plans.size());
    for (size_t i = 0; i < plans.size(); ++i) targets[i] = {&context, &results[i], absl::OkStatus()};
    for (int j = 0; j < kRecordsPerSpec; ++j, ++done) {
      const std::string record = random.Record(*prototype);
      (*multi)->Project(record, absl::MakeSpan(targets));
      for (size_t i = 0; i < plans.size(); ++i) {
        ProjectionResult alone;
        EXPECT_EQ(Project(*plans[i], context, record, &alone), targets[i].status);
        EXPECT_EQ(absl::BytesToHexString(alone.bytes), absl::BytesToHexString(results[i].bytes));
        EXPECT_EQ(alone.withheld_bits, results[i].withheld_bits);
        EXPECT_EQ(alone.extracts.record_key, results[i].extracts.record_key);
        EXPECT_EQ(alone.extracts.subject_ids, results[i].extracts.subject_ids);
        EXPECT_EQ(alone.extracts.minor, results[i].extracts.minor);
        accepted += targets[i].status.ok();
      }
      ASSERT_FALSE(HasFailure()) << "record " << absl::BytesToHexString(record);
    }
  }
  EXPECT_GT(accepted, Cases() / 8);
}

// Clause: P1.1a
TEST_P(OracleTest, WithheldContentDoesNotInterfere) {
  ProjectionResult first, second;
  int64_t changed = 0;
  ForRandomCases(
      2, false, Cases() / 4,
      [&](RandomCase& random, const PlanSpec& spec, const Engine& engine, const Oracle&, const std::string& record) {
        const std::string other = random.ChangeWithheld(spec, record);
        changed += other != record;
        const absl::Status one = Project(*engine.plan, TestContext(), record, &first);
        const absl::Status two = Project(*engine.plan, TestContext(), other, &second);
        EXPECT_EQ(one, two);
        EXPECT_EQ(absl::BytesToHexString(first.bytes), absl::BytesToHexString(second.bytes))
            << absl::BytesToHexString(other);
      });
  EXPECT_GT(changed, Cases() / 20);
}

TEST_P(OracleTest, KeepOnlyIsIdempotent) {
  ProjectionResult once, twice;
  ForRandomCases(3, true, Cases() / 4,
                 [&](RandomCase&, const PlanSpec&, const Engine& engine, const Oracle&, const std::string& record) {
                   if (!Project(*engine.plan, TestContext(), record, &once).ok()) return;
                   EXPECT_TRUE(Project(*engine.plan, TestContext(), once.bytes, &twice).ok());
                   EXPECT_EQ(absl::BytesToHexString(once.bytes), absl::BytesToHexString(twice.bytes));
                 });
}

// Projecting by the narrower grant gives the same from the record as from what the wider grant let out: nothing more,
// nothing else.
TEST_P(OracleTest, NarrowerGrantYieldsNoPathMore) {
  ProjectionResult wide, narrow, narrow_of_wide;
  ForRandomCases(
      4, true, Cases() / 8,
      [&](RandomCase& random, const PlanSpec& spec, const Engine& engine, const Oracle&, const std::string& record) {
        PlanSpec narrower = spec;
        narrower.leaves.clear();
        for (const LeafSpec& leaf : spec.leaves) {
          if (random.Chance(60)) narrower.leaves.push_back(leaf);
        }
        if (!Project(*engine.plan, TestContext(), record, &wide).ok()) return;
        const Engine other = MakeEngine(narrower);
        EXPECT_TRUE(Project(*other.plan, TestContext(), record, &narrow).ok());
        EXPECT_TRUE(Project(*other.plan, TestContext(), wide.bytes, &narrow_of_wide).ok());
        EXPECT_EQ(absl::BytesToHexString(narrow.bytes), absl::BytesToHexString(narrow_of_wide.bytes));
      });
}

// The exact report names what a full parse finds and the projection leaves out, and nothing else.
// Clause: P1.1a
TEST_P(OracleTest, ExactReportNamesWhatIsWithheld) {
  int64_t compared = 0, named = 0;
  std::vector<WithheldField> withheld;
  ForRandomCases(
      5, false, Cases() / 4,
      [&](RandomCase&, const PlanSpec& spec, const Engine& engine, const Oracle&, const std::string& record) {
        if (!ExplainWithheld(*engine.plan, TestContext(), record, &withheld).ok()) return;
        google::protobuf::DynamicMessageFactory factory;
        const std::unique_ptr<google::protobuf::Message> parsed(factory.GetPrototype(spec.record_type)->New());
        // What the plan does not enter may be malformed; then there is nothing to compare with.
        if (!parsed->ParsePartialFromString(record)) return;
        Report exact;
        for (const WithheldField& field : withheld) {
          if (field.reason != WithheldReason::kSuperseded) exact.emplace(field.path, field.reason);
        }
        const std::optional<Report> expected = NaiveReport(spec, TestContext(), *parsed);
        if (!expected.has_value()) return;
        EXPECT_EQ(exact, *expected) << parsed->ShortDebugString();
        ++compared;
        named += static_cast<int64_t>(expected->size());
      });
  std::printf("%lld reports of %lld fields\n", static_cast<long long>(compared), static_cast<long long>(named));
  EXPECT_GT(compared, Cases() / 10);
}

}  // namespace
}  // namespace postern::policy::testing
