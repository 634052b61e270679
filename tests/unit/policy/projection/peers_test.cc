// What other engines get wrong, each failure as a test of its own; and the form of what is refused.
#include <string>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "policy/projection/projector.h"
#include "proto/errors/error.h"
#include "tests/unit/policy/projection/test_schema.h"

namespace postern::policy::testing {
namespace {

constexpr char kSchema[] = R"(
  syntax = "proto2";
  message Order {
    optional string id = 1;
    optional Customer customer = 2;
    oneof payment { string card = 3; string iban = 4; Customer payer = 5; int32 voucher = 6; Kind kind = 7; }
    repeated int32 numbers = 8 [packed = true];
    map<string, string> labels = 9;
    map<int32, Customer> people = 10;
    optional group Box = 11 { optional string content = 1; optional int32 weight = 2; }
    optional Tree tree = 12;
    repeated Kind kinds = 13;
    optional sint32 delta = 14;
    optional int32 count = 15;
    extensions 100 to 200;
  }
  message Customer { optional string name = 1; optional string email = 2; optional Customer parent = 3; }
  message Tree { optional Tree left = 1; optional Tree right = 2; optional string leaf = 3; }
  enum Kind { NONE = 0; SOME = 1; }
  extend Order { optional string secret = 100; }
)";

class PeersTest : public ::testing::Test {
 protected:
  const google::protobuf::Descriptor& order() { return *schema_.Type("Order"); }
  // The projection as text, or the reason of the refusal.
  std::string Projected(const std::vector<std::string>& paths, const std::string& record) {
    const Engine engine = MakeEngine(KeepSpec(order(), paths));
    ProjectionResult result;
    const absl::Status status = ProjectVerified(engine, TestContext(), record, &result);
    if (!status.ok()) {
      EXPECT_TRUE(result.bytes.empty());
      return v1::ErrorReason_Name(ReasonOf(status));
    }
    return schema_.Text("Order", result.bytes);
  }
  TestSchema schema_{kSchema};
};

constexpr char kMalformed[] = "ERROR_REASON_RECORD_MALFORMED";

// Envoy's proto_api_scrubber forwards the message unmodified when scrubbing fails.
// Clause: P1.1a
TEST_F(PeersTest, FailedProjectionForwardsNothing) {
  const Engine engine = MakeEngine(KeepSpec(order(), {"id"}));
  ProjectionResult result;
  result.bytes = "left over";
  EXPECT_FALSE(Project(*engine.plan, TestContext(), schema_.Bytes("Order", "id: 'A'") + "\x0a\x05x", &result).ok());
  EXPECT_EQ(result.bytes, "");
  EXPECT_TRUE(result.withheld_bits.empty());
}

// FieldMaskUtil and ProtoScrubber pass everything for an empty mask; proto_api_scrubber is a deny-list.
// Clause: P1.1a
TEST_F(PeersTest, EmptyGrantReleasesNothing) {
  EXPECT_EQ(Projected({}, schema_.Bytes("Order", "id: 'A' customer { name: 'N' } numbers: 1 [secret]: 's'")), "");
}

// FieldMaskUtil and ProtoScrubber keep unknown fields and extensions.
// Clause: P1.1a
TEST_F(PeersTest, UnknownFieldsAndExtensionsAreDroppedAtEveryDepth) {
  const std::string unknown = VarintField(99, 5) + BytesField(98, "x");
  const std::string record = BytesField(2, BytesField(1, "N") + unknown) + BytesField(100, "secret") + unknown;
  EXPECT_EQ(Projected({"id", "customer.name"}, record), "customer { name: \"N\" }");
}

// Every wire-level engine tried emits a superseded member.
// Clause: P1.1a
TEST_F(PeersTest, SupersededOneofMemberNeverLeaves) {
  // Only the card is granted; the later IBAN takes its place, and nothing is left to release.
  EXPECT_EQ(Projected({"card"}, BytesField(3, "4111") + BytesField(4, "DE89")), "");
  EXPECT_EQ(Projected({"card"}, BytesField(4, "DE89") + BytesField(3, "4111")), "card: \"4111\"");
  EXPECT_EQ(Projected({"card", "iban"}, BytesField(3, "4111") + BytesField(4, "DE89")), "iban: \"DE89\"");
  EXPECT_EQ(Projected({"card"}, BytesField(3, "4111") + BytesField(5, "any inside, \xff")), "");
  EXPECT_EQ(Projected({"card"}, BytesField(3, "4111") + VarintField(6, 0)), "");
}

TEST_F(PeersTest, OneofMemberOfAnotherWireTypeOrUnknownEnumSupersedesNothing) {
  EXPECT_EQ(Projected({"card"}, BytesField(3, "4111") + VarintField(4, 1)), "card: \"4111\"");
  EXPECT_EQ(Projected({"card"}, BytesField(3, "4111") + VarintField(7, 77)), "card: \"4111\"");
  EXPECT_EQ(Projected({"card"}, BytesField(3, "4111") + VarintField(7, 1)), "");
}

TEST_F(PeersTest, SubmessageAfterAnotherOneofMemberStartsAfresh) {
  const std::string record =
      BytesField(5, BytesField(1, "old")) + BytesField(3, "4111") + BytesField(5, BytesField(2, "e"));
  EXPECT_EQ(Projected({"payer.name"}, record), "payer { }");
}

// ProtoScrubber takes quadratic time for recursive types and crashes at 18 KB.
TEST_F(PeersTest, RecursiveTypeIsWalkedInLinearTimeAndNeverCrashes) {
  std::string bomb;
  for (int i = 0; i < 20000; ++i) bomb = BytesField(1, bomb);
  EXPECT_EQ(Projected({"tree.left.leaf"}, BytesField(12, bomb)), "tree { left { } }");
  std::string groups;
  for (int i = 0; i < 20000; ++i) groups += "\x7b";  // start of group 15
  EXPECT_EQ(Projected({"id"}, groups), "ERROR_REASON_RECORD_TOO_DEEP");
}

TEST_F(PeersTest, UnknownGroupsNestToTheLimitAndNoFurther) {
  const auto nested = [](int depth) {
    std::string bytes;
    for (int i = 0; i < depth; ++i) bytes = "\x7b" + bytes + "\x7c";
    return bytes;
  };
  EXPECT_EQ(Projected({"id"}, nested(100)), "");
  EXPECT_EQ(Projected({"id"}, nested(101)), "ERROR_REASON_RECORD_TOO_DEEP");
}

// ProtoScrubber keeps unknown fields below depth 100.
TEST_F(PeersTest, UnknownFieldsBelowDepthHundredDoNotSurvive) {
  std::string deep = VarintField(99, 1);
  for (int i = 0; i < 150; ++i) deep = BytesField(3, deep);
  EXPECT_EQ(Projected({"customer.name"}, BytesField(2, BytesField(1, "N") + deep)), "customer { name: \"N\" }");
}

// ProtoScrubber accepts truncated nested input.
TEST_F(PeersTest, TruncatedNestedInputIsRefused) {
  const std::string record = BytesField(2, BytesField(1, "Name"));
  for (size_t size = 1; size < record.size(); ++size) {
    EXPECT_EQ(Projected({"customer.name"}, record.substr(0, size)), kMalformed) << size;
  }
  EXPECT_EQ(Projected({"customer.name"}, BytesField(2, "\x0a\x09short")), kMalformed);
}

// ProtoScrubber lets overlong tags through.
TEST_F(PeersTest, OverlongAndImpossibleTagsAreRefused) {
  EXPECT_EQ(Projected({"id"}, std::string("\x8a\x00\x01x", 4)), kMalformed);  // tag of two bytes
  EXPECT_EQ(Projected({"id"}, std::string("\x0a\x81\x00x", 4)), kMalformed);  // length of two bytes
  EXPECT_EQ(Projected({"id"}, std::string("\x78\x80\x00", 3)), kMalformed);   // value of two bytes
  EXPECT_EQ(Projected({"id"}, std::string("\x00\x00", 2)), kMalformed);       // field 0
  EXPECT_EQ(Projected({"id"}, "\x0e"), kMalformed);                           // wire type 6
  EXPECT_EQ(Projected({"id"}, "\x0c"), kMalformed);                           // end of no group
  EXPECT_EQ(Projected({"id"}, std::string(11, '\xff')), kMalformed);          // varint of eleven bytes
  EXPECT_EQ(Projected({"count"}, "\x78\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), kMalformed);  // more than 64 bits
}

TEST_F(PeersTest, InsideOfADroppedFieldIsNotInspected) {
  EXPECT_EQ(Projected({"id"}, BytesField(1, "A") + BytesField(2, "\xff\xff\xff garbage")), "id: \"A\"");
}

TEST_F(PeersTest, LastValueOfASingularFieldCounts) {
  EXPECT_EQ(
      Projected({"id", "count"}, BytesField(1, "old") + VarintField(15, 1) + BytesField(1, "new") + VarintField(15, 2)),
      "id: \"new\" count: 2");
}

TEST_F(PeersTest, SplitSubmessagesAreMerged) {
  const std::string record = BytesField(2, BytesField(1, "first")) + BytesField(1, "A") +
                             BytesField(2, BytesField(2, "mail") + BytesField(3, BytesField(1, "p"))) +
                             BytesField(2, BytesField(1, "last") + BytesField(3, BytesField(2, "q")));
  EXPECT_EQ(Projected({"customer.name", "customer.parent.name", "customer.parent.email"}, record),
            "customer { name: \"last\" parent { name: \"p\" email: \"q\" } }");
}

TEST_F(PeersTest, PackedAndUnpackedRunsBecomeOne) {
  const std::string record = VarintField(8, 1) + BytesField(8, Varint(2) + Varint(3)) + VarintField(8, 4);
  const Engine engine = MakeEngine(KeepSpec(order(), {"numbers"}));
  ProjectionResult result;
  ASSERT_TRUE(ProjectVerified(engine, TestContext(), record, &result).ok());
  EXPECT_EQ(result.bytes, BytesField(8, "\x01\x02\x03\x04"));
}

TEST_F(PeersTest, MapsAreSortedAndTheLastEntryOfAKeyCounts) {
  const auto entry = [](const std::string& key, const std::string& value) {
    return BytesField(9, BytesField(1, key) + BytesField(2, value));
  };
  const Engine engine = MakeEngine(KeepSpec(order(), {"labels"}));
  ProjectionResult result;
  const std::string unknown = BytesField(9, BytesField(2, "v") + VarintField(7, 7));
  ASSERT_TRUE(
      ProjectVerified(engine, TestContext(), entry("b", "1") + entry("a", "2") + entry("b", "3") + unknown, &result)
          .ok());
  EXPECT_EQ(result.bytes, entry("", "v") + entry("a", "2") + entry("b", "3"));
}

TEST_F(PeersTest, MapOfMessagesIsTrimmedInside) {
  const std::string person = BytesField(1, "N") + BytesField(2, "mail");
  const std::string record = BytesField(10, VarintField(1, static_cast<uint64_t>(-1)) + BytesField(2, person)) +
                             BytesField(10, VarintField(1, 1) + BytesField(2, person));
  EXPECT_EQ(Projected({"people.name"}, record),
            "people { key: -1 value { name: \"N\" } } people { key: 1 value { name: \"N\" } }");
}

TEST_F(PeersTest, GroupsAreTrimmed) {
  EXPECT_EQ(Projected({"box.weight"}, schema_.Bytes("Order", "Box { content: 'books' weight: 3 }")),
            "Box { weight: 3 }");
  EXPECT_EQ(Projected({"box.weight"}, "\x5b\x10\x03"), kMalformed);      // never ends
  EXPECT_EQ(Projected({"box.weight"}, "\x5b\x10\x03\x64"), kMalformed);  // ends another
}

TEST_F(PeersTest, UnknownValuesOfClosedEnumsAreDropped) {
  EXPECT_EQ(Projected({"kinds"}, VarintField(13, 1) + VarintField(13, 9) + BytesField(13, Varint(0) + Varint(8))),
            "kinds: SOME kinds: NONE");
}

TEST_F(PeersTest, NumbersAreWrittenAsAParserHoldsThem) {
  // A negative int32 in five bytes, as some writers have it, becomes the ten that are canonical.
  const Engine engine = MakeEngine(KeepSpec(order(), {"count"}));
  ProjectionResult result;
  ASSERT_TRUE(ProjectVerified(engine, TestContext(), VarintField(15, 0xffffffffu), &result).ok());
  EXPECT_EQ(result.bytes, VarintField(15, ~uint64_t{0}));
}

TEST(Proto3Test, ZeroWithoutPresenceAndBadTextAndAny) {
  TestSchema schema(R"(
    syntax = "proto3";
    message Note { string text = 1; int32 n = 2; optional int32 m = 3; Any any = 4; }
    message Any { string type_url = 1; bytes value = 2; }
  )");
  const Engine engine = MakeEngine(KeepSpec(*schema.Type("Note"), {"text", "n", "m"}));
  ProjectionResult result;
  ASSERT_TRUE(
      ProjectVerified(engine, TestContext(), BytesField(1, "") + VarintField(2, 0) + VarintField(3, 0), &result).ok());
  EXPECT_EQ(result.bytes, VarintField(3, 0));
  const absl::Status bad = Project(*engine.plan, TestContext(), BytesField(1, "\xed\xa0\x80"), &result);
  EXPECT_EQ(ReasonOf(bad), v1::ERROR_REASON_RECORD_MALFORMED);
  EXPECT_EQ(MetadataOf(bad, "path"), "text");
  ASSERT_TRUE(
      ProjectVerified(engine, TestContext(), BytesField(4, BytesField(1, "t") + BytesField(2, "v")), &result).ok());
  EXPECT_EQ(result.bytes, "");
}

TEST(BuildPlanTest, RefusesWhatContradictsItself) {
  TestSchema schema(kSchema);
  const auto& order = *schema.Type("Order");
  const auto builds = [](const PlanSpec& spec) { return BuildPlan(spec).ok(); };
  EXPECT_TRUE(builds(KeepSpec(order, {"id", "customer.name"})));
  EXPECT_FALSE(builds(KeepSpec(order, {"id", "id"})));
  EXPECT_FALSE(builds(KeepSpec(order, {"customer"})));
  EXPECT_FALSE(builds(KeepSpec(order, {"box"})));
  PlanSpec many = KeepSpec(order, {"id"});
  many.consents.assign(65, "category:x");
  EXPECT_FALSE(builds(many));
  PlanSpec unlisted = KeepSpec(order, {"id"});
  unlisted.leaves[0].consent = 0;
  EXPECT_FALSE(builds(unlisted));
  PlanSpec foreign = KeepSpec(order, {"id"});
  foreign.leaves[0].path = {schema.Type("Customer")->field(0)};
  EXPECT_FALSE(builds(foreign));
  PlanSpec repeated = KeepSpec(order, {"id"});
  repeated.leaves[0].when.push_back({PathOf(order, "numbers")});
  EXPECT_FALSE(builds(repeated));
  PlanSpec long_path = KeepSpec(order, {"id"});
  long_path.leaves[0].path = {order.FindFieldByName("tree")};
  long_path.leaves[0].path.resize(100, schema.Type("Tree")->field(0));
  long_path.leaves[0].path.push_back(schema.Type("Tree")->field(2));
  EXPECT_FALSE(builds(long_path));
  EXPECT_FALSE(builds(PlanSpec{}));
}

}  // namespace
}  // namespace postern::policy::testing
