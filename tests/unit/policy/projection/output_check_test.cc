// What the verifier's quick look settles by itself. What it does not costs a comparison with the record, so the common
// shapes of grants must be among it.
#include "policy/projection/output_check.h"

#include <optional>

#include <gtest/gtest.h>

#include "policy/projection/record_check.h"
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

  static void AppendUtf8(int32_t point, std::string* text) {
    if (point >= 0x10000) {
      text->push_back(static_cast<char>(0xf0 | point >> 18));
      text->push_back(static_cast<char>(0x80 | (point >> 12 & 0x3f)));
    } else if (point >= 0x800) {
      text->push_back(static_cast<char>(0xe0 | point >> 12));
    }
    text->push_back(static_cast<char>((point >= 0x800 ? 0x80 | (point >> 6 & 0x3f) : 0xc0 | point >> 6)));
    text->push_back(static_cast<char>(0x80 | (point & 0x3f)));
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

TEST_F(OutputCheckTest, SettlesTextsInScriptsWithoutDigits) {
  spec_.leaves[0].on_card_number = v1::REFUSE;
  for (const char* text : {"улица Большая Никитская, дом 12, подъезд 3", "東京都千代田区千代田一丁目一番地皇居外苑",
                           "서울특별시 종로구 세종대로 백칠십오 세종문화회관", "Nguyễn Thị Ngọc Huyền, phường Bến Nghé",
                           "शिवाजी नगर, पुणे, महाराष्ट्र, भारत गणराज्य", "ถนนสุขุมวิท แขวงคลองเตย กรุงเทพมหานคร",
                           "شارع الملك فهد، حي العليا، الرياض", "Straße der Pariser Kommune, Übergröße, Köln, Grüße"}) {
    EXPECT_TRUE(Covers(BytesField(1, text))) << text;
  }
  // A card number in the digits of each script that has some; not a thing for the quick look.
  const int32_t zeros[] = {0x660,  0x6f0,  0x7c0,  0x966,  0x9e6,  0xa66,  0xae6,   0xb66,   0xbe6,   0xc66,
                           0xce6,  0xd66,  0xde6,  0xe50,  0xed0,  0xf20,  0x1040,  0x1090,  0x17e0,  0x1810,
                           0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40,  0x1c50,  0xa620,  0xa8d0,
                           0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x11066, 0x1d7ce, 0x1e950};
  for (const int32_t zero : zeros) {
    std::string text;
    for (const char digit : std::string("4111111111111111")) AppendUtf8(zero + digit - '0', &text);
    EXPECT_FALSE(Covers(BytesField(1, text))) << zero;
  }
}

TEST_F(OutputCheckTest, ADigitOutsideAsciiIsTwoBytesOrMore) {
  spec_.leaves[0].on_card_number = v1::REFUSE;
  EXPECT_TRUE(Covers(BytesField(1, "\xd0\x90\xd0\xbd\xd0\xbd\xd0\xb0 \xd0\x9a\xd0\xb8\xd0\xbc")));
  EXPECT_FALSE(Covers(BytesField(1, "1234567\xd9\xa0\xd9\xa1\xd9\xa2\xd9\xa3\xd9\xa4\xd9\xa5")));
  EXPECT_TRUE(Covers(BytesField(1, "1234567\xd9\xa0\xd9\xa1\xd9\xa2\xd9\xa3\xd9\xa4 \xd9\x85\xd9\x86")));
}

TEST_F(OutputCheckTest, SettlesOneMemberOfAOneof) {
  spec_ = KeepSpec(type_, {"left", "right"});
  EXPECT_TRUE(Covers(Bytes("left: 'x'")));
  EXPECT_TRUE(Covers(Bytes("right: 'x'")));
  EXPECT_FALSE(Covers(Bytes("left: 'x'") + Bytes("right: 'y'"))) << "of two members one was superseded";
  EXPECT_FALSE(Covers(Bytes("right: 'x'"), /*open=*/0b01)) << "may not leave";
}

// Which member of a oneof counts, and so may leave, only the record tells.
class RecordCheckTest : public OutputCheckTest {
 protected:
  // The leaves that may leave from `record`; nullopt: a parser has to tell.
  std::optional<uint64_t> Open(const std::string& record) {
    uint64_t open = 0;
    if (!RecordCheck(spec_).OpenLeaves(TestContext(), record, &open)) return std::nullopt;
    return open & ((uint64_t{1} << spec_.leaves.size()) - 1);
  }
};

TEST_F(RecordCheckTest, AMemberOfAOneofIsOpenWhereTheRecordHasIt) {
  spec_ = KeepSpec(type_, {"name", "left"});
  EXPECT_EQ(Open(Bytes("name: 'N'")), 0b01u);
  EXPECT_EQ(Open(Bytes("name: 'N' left: 'x'")), 0b11u);
  EXPECT_EQ(Open(Bytes("right: 'y'")), 0b01u);
}

TEST_F(RecordCheckTest, TwoMembersOfAOneofAreForAParser) {
  spec_ = KeepSpec(type_, {"left"});
  const std::string left = Bytes("left: 'x'"), right = Bytes("right: 'y'");
  for (const std::string& record : {left + right, right + left, left + left}) EXPECT_EQ(Open(record), std::nullopt);
  const Engine engine = MakeEngine(spec_);
  EXPECT_EQ(engine.verifier->Verify(TestContext(), right + left, left), absl::OkStatus());
  EXPECT_EQ(ReasonOf(engine.verifier->Verify(TestContext(), left + right, left)), v1::ERROR_REASON_VERIFIER_FINDING)
      << "what was superseded left";
  EXPECT_EQ(ReasonOf(engine.verifier->Verify(TestContext(), right, left)), v1::ERROR_REASON_VERIFIER_FINDING)
      << "a member left that the record does not have";
}

TEST_F(RecordCheckTest, AConditionMayLookAtAMemberOfAOneof) {
  spec_ = KeepSpec(type_, {"name"});
  PredicateSpec absent;
  absent.left = PathOf(type_, "left");
  absent.present = false;
  spec_.leaves[0].when = {absent};
  EXPECT_EQ(Open(Bytes("name: 'N'")), 1u);
  EXPECT_EQ(Open(Bytes("name: 'N' right: 'y'")), 1u);
  EXPECT_EQ(Open(Bytes("name: 'N' left: 'x'")), 0u);
  EXPECT_EQ(Open(Bytes("left: 'x'") + Bytes("right: 'y'")), std::nullopt);
}

TEST_F(RecordCheckTest, OneofsBelowMapsAreForAParser) {
  spec_ = KeepSpec(type_, {"parts.left"});
  EXPECT_EQ(Open(Bytes("parts { key: 'k' value { left: 'x' } }")), 0u);
}

}  // namespace
}  // namespace postern::policy::testing
