// What the verifier's quick look settles by itself. What it does not costs a comparison with the record, so the common
// shapes of grants must be among it.
#include "policy/projection/output_check.h"

#include <gtest/gtest.h>

#include "proto/errors/error.h"
#include "tests/unit/policy/projection/test_schema.h"

namespace postern::policy::testing {
namespace {

constexpr uint64_t kAllOpen = ~uint64_t{0};

class OutputCheckTest : public ::testing::Test {
 protected:
  OutputCheckTest() { spec_ = KeepSpec(type_, {"name", "labels", "ranks"}); }

  bool Covers(const std::string& output, uint64_t open = kAllOpen) { return OutputCheck(spec_).Covers(output, open); }
  std::string Bytes(const std::string& text) { return schema_.Bytes("Record", text); }
  static std::string Entry(const std::string& key, const std::string& value) {
    return BytesField(3, BytesField(1, key) + BytesField(2, value));
  }

  const TestSchema schema_{R"(
      syntax = "proto3";
      message Record {
        string name = 1; string id = 2; map<string, string> labels = 3; map<int32, string> ranks = 4;
        oneof choice { string left = 5; string right = 6; }
        map<string, Record> parts = 7;
      })"};
  const google::protobuf::Descriptor& type_ = *schema_.Type("Record");
  PlanSpec spec_;
};

TEST_F(OutputCheckTest, SettlesMapsFromTextWhoseKeysAreInOrder) {
  EXPECT_TRUE(Covers(BytesField(1, "N") + Entry("", "x") + Entry("a", "1") + Entry("b", "2")));
  EXPECT_FALSE(Covers(Entry("b", "2") + Entry("a", "1"))) << "not the projector's order";
  EXPECT_FALSE(Covers(Entry("a", "1") + Entry("a", "2"))) << "one of them was superseded";
  EXPECT_FALSE(Covers(BytesField(3, BytesField(2, "v")))) << "no key";
  EXPECT_FALSE(Covers(BytesField(3, BytesField(1, "k") + BytesField(2, "v") + BytesField(9, "w")))) << "and more";
  EXPECT_FALSE(Covers(Entry("a", "1"), /*open=*/0b101)) << "may not leave";
  EXPECT_FALSE(Covers(Bytes("ranks { key: 1 value: 'v' }"))) << "left to the comparison";
}

// A leaf below a map's values once granted the map of its own number at the map's level.
TEST_F(OutputCheckTest, AMapBelowAMapGrantsNothingAbove) {
  spec_ = KeepSpec(type_, {"parts.labels"});
  EXPECT_FALSE(Covers(Entry("a", "1")));
  EXPECT_FALSE(Covers(BytesField(7, BytesField(1, "k") + BytesField(2, Entry("a", "1"))))) << "left to the comparison";
}

TEST_F(OutputCheckTest, LooksForCardNumbersInKeysAndValuesOfMaps) {
  spec_.leaves[1].on_card_number = v1::REFUSE;
  EXPECT_TRUE(Covers(Entry("label", "fragile")));
  EXPECT_FALSE(Covers(Entry("label", "4111111111111111")));
  EXPECT_FALSE(Covers(Entry("4111111111111111", "label")));
}

TEST_F(OutputCheckTest, SettlesPseudonymsByTheirForm) {
  spec_.leaves = {Leaf(type_, "id", v1::Pseudonymise())};
  const Engine engine = MakeEngine(spec_);
  ProjectionResult result;
  ASSERT_TRUE(ProjectVerified(engine, TestContext(), Bytes("id: 'C-1001'"), &result).ok());
  EXPECT_TRUE(Covers(result.bytes));
  for (const char* other :
       {"C-1001", "", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAAA"}) {
    EXPECT_FALSE(Covers(BytesField(2, other))) << other;
    EXPECT_EQ(ReasonOf(engine.verifier->Verify(TestContext(), Bytes("id: 'C-1001'"), BytesField(2, other))),
              v1::ERROR_REASON_VERIFIER_FINDING)
        << other;
  }
}

TEST_F(OutputCheckTest, ADigitOutsideAsciiIsTwoBytesOrMore) {
  spec_.leaves[0].on_card_number = v1::REFUSE;
  EXPECT_TRUE(Covers(BytesField(1, "\xd0\x90\xd0\xbd\xd0\xbd\xd0\xb0 \xd0\x9a\xd0\xb8\xd0\xbc")));
  EXPECT_FALSE(Covers(BytesField(1, std::string(26, '\xd9'))));
  EXPECT_FALSE(Covers(BytesField(1, "1234567" + std::string(12, '\xd9'))));
}

TEST_F(OutputCheckTest, LeavesOneofsToTheComparison) {
  spec_ = KeepSpec(type_, {"left"});
  EXPECT_FALSE(Covers(Bytes("left: 'x'")));
}

}  // namespace
}  // namespace postern::policy::testing
