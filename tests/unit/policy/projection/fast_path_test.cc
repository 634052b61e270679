// Which records the fast walk takes by itself, and that it then gives what the other walks give.
#include "policy/projection/fast_path.h"

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "policy/projection/multi_projector.h"
#include "policy/projection/tables.h"
#include "tests/unit/policy/projection/test_schema.h"

namespace postern::policy::testing {
namespace {

class FastPathTest : public ::testing::Test {
 protected:
  // What the fast walk makes of `record`; nullopt: it leaves it. Either way the whole engine gives the same bytes.
  static std::optional<std::string> Fast(const PlanSpec& spec, const std::string& record) {
    const Engine engine = MakeEngine(spec);
    ProjectionResult fast, whole;
    absl::Status status;
    const bool took = ProjectFast(engine.plan->tables(), TestContext(), record, &fast, &status);
    if (!took) return std::nullopt;
    EXPECT_EQ(ProjectVerified(engine, TestContext(), record, &whole), status);
    EXPECT_EQ(fast.bytes, whole.bytes);
    return fast.bytes;
  }
  static std::string Entry(int map, const std::string& content) { return BytesField(map, content); }
  static std::string Label(const std::string& key, const std::string& value) {
    return Entry(2, BytesField(1, key) + BytesField(2, value));
  }

  const TestSchema schema_{R"(
      syntax = "proto3";
      message Record {
        string name = 1; map<string, string> labels = 2; map<string, int32> counts = 3;
        oneof choice { string left = 4; string right = 5; int32 number = 6; }
        map<int32, string> ranks = 7; repeated Record parts = 8; int32 amount = 9;
      })"};
  const google::protobuf::Descriptor& type_ = *schema_.Type("Record");
};

TEST_F(FastPathTest, TakesMapsFromTextInOrder) {
  const PlanSpec spec = KeepSpec(type_, {"labels", "counts", "parts.labels"});
  const std::string count = Entry(3, BytesField(1, "n") + VarintField(2, 7));
  const std::string labels = Label("", "x") + Label("a", "") + Label("b", "2");
  EXPECT_EQ(Fast(spec, labels), labels);
  EXPECT_EQ(Fast(spec, BytesField(1, "withheld") + labels + count), labels + count);
  // Each part has its own order.
  const std::string parts = BytesField(8, Label("b", "1")) + BytesField(8, Label("a", "1"));
  EXPECT_EQ(Fast(spec, Label("c", "3") + parts), Label("c", "3") + parts);
}

TEST_F(FastPathTest, LeavesMapsThatWouldBeRewritten) {
  const PlanSpec spec = KeepSpec(type_, {"labels", "counts"});
  for (const std::string& record : {
           Label("b", "1") + Label("a", "2"),                                // to be sorted
           Label("a", "1") + Label("a", "2"),                                // the first is superseded
           Entry(2, BytesField(1, "k")),                                     // the value is to be written
           Entry(2, BytesField(2, "v")),                                     // and here the key
           Entry(2, BytesField(2, "v") + BytesField(1, "k")),                // in order
           Entry(2, BytesField(1, "k") + BytesField(2, "v") + "\x1a\x01u"),  // without what is unknown
           Entry(2, BytesField(1, "k") + BytesField(2, "v") + BytesField(2, "w")),
           Entry(3, BytesField(1, "k") + VarintField(2, 4294967295)),  // as a parser holds it
       }) {
    EXPECT_EQ(Fast(spec, record), std::nullopt) << schema_.Text("Record", record);
  }
  EXPECT_EQ(Fast(spec, Entry(2, BytesField(1, "\xff") + BytesField(2, "v"))), std::nullopt) << "malformed";
  EXPECT_EQ(Fast(KeepSpec(type_, {"ranks"}), Entry(7, VarintField(1, 1) + BytesField(2, "v"))), std::nullopt);
}

TEST_F(FastPathTest, LeavesCardNumbersInMapsToTheRuleForThem) {
  PlanSpec spec = KeepSpec(type_, {"labels"});
  spec.leaves[0].on_card_number = v1::REDACT;
  EXPECT_EQ(Fast(spec, Label("a", "1")), Label("a", "1"));
  EXPECT_EQ(Fast(spec, Label("a", "4111111111111111")), std::nullopt);
  const Engine engine = MakeEngine(spec);
  ProjectionResult result;
  ASSERT_TRUE(ProjectVerified(engine, TestContext(), Label("a", "4111111111111111"), &result).ok());
  EXPECT_EQ(result.bytes, Label("a", "[card]"));
}

TEST_F(FastPathTest, ClosedGatesAndPresenceHoldForMapsToo) {
  PlanSpec spec = KeepSpec(type_, {"name", "labels"});
  spec.consents = {"category:labels"};
  spec.leaves[1].consent = 0;
  const Engine engine = MakeEngine(spec);
  ProjectionContext refused = TestContext();
  refused.consents_granted = 0;
  ProjectionResult result;
  absl::Status status;
  const std::string name = BytesField(1, "N");
  ASSERT_TRUE(ProjectFast(engine.plan->tables(), refused, name + Label("a", "1"), &result, &status));
  EXPECT_EQ(result.bytes, name);
  const auto withheld = WithheldFromBits(*engine.plan, result.withheld_bits);
  ASSERT_EQ(withheld.size(), 1u);
  EXPECT_EQ(withheld[0].path, "labels");
  EXPECT_EQ(withheld[0].reason, WithheldReason::kConsent);

  spec.leaves[1].consent = -1;
  spec.leaves[1].required = true;
  EXPECT_EQ(Fast(spec, name + Label("a", "1")), name + Label("a", "1"));
  const Engine required = MakeEngine(spec);
  EXPECT_FALSE(Project(*required.plan, TestContext(), name, &result).ok());
}

TEST_F(FastPathTest, TakesOneMemberOfAOneof) {
  const PlanSpec spec = KeepSpec(type_, {"left", "number"});
  const std::string left = BytesField(4, "x"), right = BytesField(5, "y"), number = VarintField(6, 3);
  EXPECT_EQ(Fast(spec, left), left);
  EXPECT_EQ(Fast(spec, right), "");
  EXPECT_EQ(Fast(spec, number), number);
  for (const std::string& record : {left + right, right + left, left + number, left + left}) {
    EXPECT_EQ(Fast(spec, record), std::nullopt);
  }
}

TEST_F(FastPathTest, TakesValuesThatATransformLeavesNothingOf) {
  v1::Generalise step;
  step.set_step(1000);
  PlanSpec spec = KeepSpec(type_, {"name"});
  spec.leaves.push_back(Leaf(type_, "amount", step));
  const std::string name = BytesField(1, "N");
  EXPECT_EQ(Fast(spec, name + VarintField(9, 1700)), name + VarintField(9, 1000));
  EXPECT_EQ(Fast(spec, name + VarintField(9, 999)), name) << "rounded to zero, which is absent";
}

// One partner has the name masked, another cut by a country that nobody else reads.
TEST_F(FastPathTest, TargetsThatReadDifferentCountriesShareNoWalk) {
  PlanSpec masked = KeepSpec(type_, {"name"}), cut = KeepSpec(type_, {"name"});
  masked.leaves[0].transform = v1::Mask();
  v1::Generalise postcode;
  postcode.mutable_postcode()->set_country_path("left");
  postcode.mutable_postcode()->set_otherwise(1);
  postcode.mutable_postcode()->add_rules()->add_countries("XX");
  cut.leaves[0].transform = postcode;
  cut.leaves[0].country = PathOf(type_, "left");
  // Also where a condition of the other target reads the country.
  PlanSpec conditional = masked;
  conditional.leaves[0].when.emplace_back();
  conditional.leaves[0].when[0].kind = PredicateSpec::Kind::kPresent;
  conditional.leaves[0].when[0].left = PathOf(type_, "left");
  for (const PlanSpec& other : {masked, conditional}) {
    const auto multi = MultiProjector::Create({MakeEngine(other).plan, MakeEngine(cut).plan});
    ASSERT_TRUE(multi.ok()) << multi.status();
    const ProjectionContext context = TestContext();
    ProjectionResult results[2];
    MultiProjector::Target targets[] = {{&context, &results[0], absl::OkStatus()},
                                        {&context, &results[1], absl::OkStatus()}};
    (*multi)->Project(BytesField(1, "Anna") + BytesField(4, "CH"), absl::MakeSpan(targets));
    EXPECT_EQ(results[0].bytes, BytesField(1, "****"));
    EXPECT_EQ(results[1].bytes, BytesField(1, "A"));
  }
}

}  // namespace
}  // namespace postern::policy::testing
