// What a record decides about its own release: conditions, minors, consent; the roles the gateway reads; the withheld
// reports.
#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "policy/projection/projector.h"
#include "proto/errors/error.h"
#include "tests/unit/policy/projection/test_schema.h"

namespace postern::policy::testing {
namespace {

constexpr char kSchema[] = R"(
  syntax = "proto3";
  message Shipment {
    string reference = 1;
    uint64 version = 2;
    Person recipient = 3;
    Customs customs = 4;
    string from = 5;
    string to = 6;
    repeated Person others = 7;
    Kind kind = 8;
    int32 pieces = 9;
    optional bool gift = 10;
    Marketing marketing = 11;
    string remark = 12;
    oneof paid { string card = 13; string wallet = 14; }
  }
  message Person { string id = 1; string phone = 2; optional bool minor = 3; string born = 4; string guardian = 5; string name = 6; }
  message Customs { repeated Item items = 1; }
  message Item { string code = 1; string what = 2; }
  message Marketing { repeated string history = 1; }
  enum Kind { UNSET = 0; PARCEL = 1; LETTER = 2; }
)";

class DecisionTest : public ::testing::Test {
 protected:
  DecisionTest() : spec_(KeepSpec(type(), {"reference"})) {
    spec_.roles_required = true;
    for (const auto& [role, path] : {std::pair<v1::FieldRole, const char*>{v1::FIELD_ROLE_RECORD_KEY, "reference"},
                                     {v1::FIELD_ROLE_RECORD_VERSION, "version"},
                                     {v1::FIELD_ROLE_SUBJECT_ID, "recipient.id"},
                                     {v1::FIELD_ROLE_SUBJECT_ID, "others.id"},
                                     {v1::FIELD_ROLE_SUBJECT_CONTACT, "recipient.phone"},
                                     {v1::FIELD_ROLE_MINOR_FLAG, "recipient.minor"},
                                     {v1::FIELD_ROLE_BIRTH_DATE, "recipient.born"},
                                     {v1::FIELD_ROLE_BIRTH_DATE, "others.born"},
                                     {v1::FIELD_ROLE_GUARDIAN_ID, "recipient.guardian"},
                                     {v1::FIELD_ROLE_ORIGIN_COUNTRY, "from"},
                                     {v1::FIELD_ROLE_DESTINATION_COUNTRY, "to"}}) {
      spec_.roles.push_back(Role(type(), role, path));
    }
  }
  const google::protobuf::Descriptor& type() { return *schema_.Type("Shipment"); }
  LeafSpec& Add(const std::string& path) { return spec_.leaves.emplace_back(Leaf(type(), path)); }
  PredicateSpec When(PredicateSpec::Kind kind, const std::string& left, const std::string& right = "") {
    PredicateSpec spec;
    spec.kind = kind;
    spec.left = PathOf(type(), left);
    if (!right.empty()) spec.right = PathOf(type(), right);
    return spec;
  }
  // A record with key and subject, and what `text` says, merged.
  std::string Bytes(const std::string& text) {
    const std::string parts =
        schema_.Bytes("Shipment", "reference: 'R' recipient { id: 's1' }") + schema_.Bytes("Shipment", text);
    const auto merged = schema_.New(type());
    merged->ParseFromString(parts);
    return merged->SerializeAsString();
  }
  std::string Projected(const std::string& text) { return ProjectedBytes(Bytes(text)); }
  std::string ProjectedBytes(const std::string& record) {
    engine_ = MakeEngine(spec_);
    const absl::Status status = ProjectVerified(engine_, context_, record, &result_);
    return status.ok() ? schema_.Text("Shipment", result_.bytes) : v1::ErrorReason_Name(ReasonOf(status));
  }
  static std::string Lines(const std::vector<WithheldField>& fields) {
    static constexpr const char* kReasons[] = {"not granted", "unclassified", "unknown",   "condition",
                                               "minor",       "consent",      "superseded"};
    std::vector<std::string> lines;
    for (const WithheldField& field : fields)
      lines.push_back(absl::StrCat(field.path, "=", kReasons[static_cast<int>(field.reason)]));
    std::sort(lines.begin(), lines.end());
    return absl::StrJoin(lines, ", ");
  }

  TestSchema schema_{kSchema};
  PlanSpec spec_;
  ProjectionContext context_ = TestContext();
  Engine engine_;
  ProjectionResult result_;
};

// Clause: W4b
TEST_F(DecisionTest, CustomsFieldsLeaveForCrossBorderRecordsOnly) {
  PredicateSpec cross_border = When(PredicateSpec::Kind::kDiffersFrom, "to", "from");
  cross_border.absent_is_false = true;
  Add("customs.items.code").when = {cross_border};
  const std::string items = "customs { items { code: '42' what: 'w' } items { code: '43' } }";
  EXPECT_EQ(Projected(items + " from: 'CH' to: 'DE'"),
            "reference: \"R\" customs { items { code: \"42\" } items { code: \"43\" } }");
  EXPECT_EQ(Projected(items + " from: 'CH' to: 'CH'"), "reference: \"R\"");
  EXPECT_EQ(Projected(items + " from: 'CH'"), "reference: \"R\"");
  EXPECT_EQ(Projected(items), "reference: \"R\"");
}

TEST_F(DecisionTest, EveryPredicateHoldsWhenItShould) {
  const auto released = [&](const PredicateSpec& when, const std::string& text) {
    spec_.leaves.resize(1);
    Add("remark").when = {when};
    return Projected("remark: 'x' " + text) == "reference: \"R\" remark: \"x\"";
  };
  PredicateSpec equals = When(PredicateSpec::Kind::kEquals, "kind");
  equals.literals = {"PARCEL"};
  EXPECT_TRUE(released(equals, "kind: PARCEL"));
  EXPECT_FALSE(released(equals, "kind: LETTER"));
  EXPECT_FALSE(released(equals, ""));
  PredicateSpec one_of = When(PredicateSpec::Kind::kOneOf, "to");
  one_of.literals = {"CH", "LI"};
  EXPECT_TRUE(released(one_of, "to: 'LI'"));
  EXPECT_FALSE(released(one_of, "to: 'DE'"));
  PredicateSpec unset = When(PredicateSpec::Kind::kEquals, "pieces");
  unset.literals = {"0"};
  EXPECT_TRUE(released(unset, ""));  // an absent leaf holds its default
  unset.absent_is_false = true;
  EXPECT_FALSE(released(unset, ""));
  PredicateSpec at_least = When(PredicateSpec::Kind::kAtLeast, "pieces");
  at_least.at_least = 2;
  EXPECT_TRUE(released(at_least, "pieces: 2"));
  EXPECT_FALSE(released(at_least, "pieces: -3"));
  PredicateSpec present = When(PredicateSpec::Kind::kPresent, "gift");
  EXPECT_TRUE(released(present, "gift: false"));
  EXPECT_FALSE(released(present, ""));
  PredicateSpec same = When(PredicateSpec::Kind::kEquals, "to", "from");
  EXPECT_TRUE(released(same, "from: 'CH' to: 'CH'"));
  EXPECT_FALSE(released(same, "from: 'CH' to: 'DE'"));
}

TEST_F(DecisionTest, ConditionReadsTheValueThatCountsWhereverItStands) {
  PredicateSpec when = When(PredicateSpec::Kind::kEquals, "to");
  when.literals = {"CH"};
  Add("from").when = {when};
  // The condition's field follows the guarded one, and comes twice.
  EXPECT_EQ(ProjectedBytes(BytesField(5, "AT") + Bytes("") + BytesField(6, "CH")), "reference: \"R\" from: \"AT\"");
  EXPECT_EQ(ProjectedBytes(BytesField(6, "CH") + BytesField(5, "AT") + Bytes("") + BytesField(6, "DE")),
            "reference: \"R\"");
}

// Clause: W6b
TEST_F(DecisionTest, MinorsFieldsAreWithheldAlsoWhenAgeIsUnknown) {
  Add("recipient.name").withheld_from_minors = true;
  const std::string with_name = "reference: \"R\" recipient { name: \"N\" }", without = "reference: \"R\"";
  const auto record = [](const std::string& more) { return "recipient { name: 'N' " + more + " }"; };
  EXPECT_EQ(Projected(record("")), without);
  EXPECT_EQ(Projected(record("minor: true")), without);
  EXPECT_EQ(Projected(record("minor: false")), with_name);
  EXPECT_EQ(Projected(record("born: '2008-06-15'")), with_name);  // eighteen today
  EXPECT_EQ(Projected(record("born: '2008-06-16'")), without);
  EXPECT_EQ(Projected(record("born: 'soon'")), without);
  EXPECT_EQ(Projected(record("minor: false born: '2015-01-01'")), without);
  EXPECT_EQ(Projected(record("minor: false") + " others { born: '2015-01-01' }"), without);
  spec_.adult_only = true;
  EXPECT_EQ(Projected(record("")), with_name);
  EXPECT_EQ(Projected(record("minor: true")), without);
  context_.known_minor = true;
  EXPECT_EQ(Projected(record("minor: false")), without);
  EXPECT_EQ(result_.extracts.minor, Extracts::Minor::kYes);
}

TEST_F(DecisionTest, ConsentOpensItsLeavesOnly) {
  spec_.consents = {"category:contact", "category:preference"};
  Add("recipient.phone").consent = 0;
  Add("remark").consent = 1;
  const std::string record = "recipient { phone: '1' } remark: 'x'";
  EXPECT_EQ(Projected(record), "reference: \"R\"");
  context_.consents_granted = 2;
  EXPECT_EQ(Projected(record), "reference: \"R\" remark: \"x\"");
  context_.consents_granted = 3;
  EXPECT_EQ(Projected(record), "reference: \"R\" recipient { phone: \"1\" } remark: \"x\"");
}

TEST_F(DecisionTest, RequiredLeafMustLeave) {
  Add("recipient.name").required = true;
  EXPECT_EQ(Projected(""), "ERROR_REASON_REQUIRED_FIELD_MISSING");
  EXPECT_EQ(Projected("recipient { name: 'N' }"), "reference: \"R\" recipient { name: \"N\" }");
  spec_.leaves.back().withheld_from_minors = true;
  EXPECT_EQ(Projected("recipient { name: 'N' }"), "ERROR_REASON_REQUIRED_FIELD_MISSING");
}

TEST_F(DecisionTest, RolesAreExtractedFromEveryOccurrence) {
  const std::string record = Bytes(
      "version: 7 recipient { phone: '+41' guardian: 'g' } others { id: 's2' } others { id: 's1' } others {} from: "
      "'CH' to: 'DE'");
  ASSERT_EQ(ProjectedBytes(record), "reference: \"R\"");
  const auto check = [](const Extracts& extracts) {
    EXPECT_EQ(extracts.record_key, "R");
    EXPECT_EQ(extracts.order_id, "R");
    EXPECT_TRUE(extracts.has_record_version);
    EXPECT_EQ(extracts.record_version, 7u);
    EXPECT_EQ(absl::StrJoin(extracts.subject_ids, ","), "s1,s2");
    EXPECT_EQ(absl::StrJoin(extracts.subject_contacts, ","), "+41");
    EXPECT_EQ(absl::StrJoin(extracts.guardian_ids, ","), "g");
    EXPECT_EQ(extracts.origin_country, "CH");
    EXPECT_EQ(extracts.destination_country, "DE");
    EXPECT_EQ(extracts.minor, Extracts::Minor::kUnknown);
  };
  check(result_.extracts);
  Extracts alone;
  ASSERT_TRUE(ExtractRoles(*engine_.plan, context_.today, record, &alone).ok());
  check(alone);
  // The same record in another order of fields.
  const std::string irregular = BytesField(6, "XX") + record;
  ASSERT_TRUE(ExtractRoles(*engine_.plan, context_.today, irregular, &alone).ok());
  check(alone);
}

TEST_F(DecisionTest, MissingKeyOrSubjectRefuses) {
  EXPECT_EQ(ProjectedBytes(schema_.Bytes("Shipment", "recipient { id: 's' }")), "ERROR_REASON_RECORD_KEY_MISSING");
  EXPECT_EQ(ProjectedBytes(schema_.Bytes("Shipment", "reference: 'R'")), "ERROR_REASON_SUBJECT_MISSING");
  EXPECT_EQ(ProjectedBytes(schema_.Bytes("Shipment", "reference: 'R' recipient { phone: '1' }")), "reference: \"R\"");
  Extracts extracts;
  EXPECT_EQ(ReasonOf(ExtractRoles(*engine_.plan, context_.today, "", &extracts)), v1::ERROR_REASON_RECORD_KEY_MISSING);
  spec_.roles_required = false;
  EXPECT_EQ(ProjectedBytes(""), "");
}

TEST_F(DecisionTest, ManySubjectsCostLinearTime) {
  std::string record = Bytes("");
  for (int i = 0; i < 50000; ++i) absl::StrAppend(&record, BytesField(7, BytesField(1, absl::StrCat("s", i % 40000))));
  ASSERT_EQ(ProjectedBytes(record), "reference: \"R\"");
  EXPECT_EQ(result_.extracts.subject_ids.size(), 40000u);
}

TEST_F(DecisionTest, WithheldFieldsAreReportedWithTheirReasons) {
  spec_.consents = {"category:x"};
  spec_.unclassified = {PathOf(type(), "pieces")};
  Add("recipient.name").withheld_from_minors = true;
  Add("remark").consent = 0;
  Add("card");
  PredicateSpec when = When(PredicateSpec::Kind::kPresent, "gift");
  Add("to").when = {when};
  const std::string record =
      Bytes("recipient { name: 'N' phone: '1' } remark: 'x' to: 'DE' pieces: 3 marketing { history: 'h' } card: 'c'") +
      BytesField(14, "w") + VarintField(99, 1);
  ASSERT_EQ(ProjectedBytes(record), "reference: \"R\"");
  EXPECT_EQ(Lines(WithheldFromBits(*engine_.plan, result_.withheld_bits)),
            "(unknown)=unknown, card=superseded, marketing=not granted, pieces=unclassified, recipient.id=not granted, "
            "recipient.name=minor, recipient.phone=not granted, remark=consent, to=condition, wallet=not granted");
  std::vector<WithheldField> exact;
  ASSERT_TRUE(ExplainWithheld(*engine_.plan, context_, record, &exact).ok());
  EXPECT_EQ(Lines(exact),
            "(unknown)=unknown, card=superseded, marketing.history=not granted, pieces=unclassified, recipient.id=not "
            "granted, "
            "recipient.name=minor, recipient.phone=not granted, remark=consent, to=condition, wallet=not granted");
}

TEST_F(DecisionTest, ExplainSurvivesDepthBombsInWhatIsNotGranted) {
  TestSchema schema("syntax = 'proto3'; message Node { Node next = 1; string id = 2; }");
  const Engine engine = MakeEngine(KeepSpec(*schema.Type("Node"), {"id"}));
  std::string bomb;
  for (int i = 0; i < 5000; ++i) bomb = BytesField(1, bomb);
  std::vector<WithheldField> exact;
  EXPECT_TRUE(ExplainWithheld(*engine.plan, TestContext(), bomb, &exact).ok());
  ASSERT_EQ(exact.size(), 1u);
}

// The verifier must find what a broken projector would let through.
TEST_F(DecisionTest, VerifierFindsWhatIsNotGranted) {
  PredicateSpec when = When(PredicateSpec::Kind::kPresent, "gift");
  Add("to").when = {when};
  Add("card");
  Add("remark").transform = v1::Mask();
  Add("recipient.name").withheld_from_minors = true;
  const Engine engine = MakeEngine(spec_);
  const std::string record = Bytes("to: 'DE' remark: 'abc' pieces: 2 recipient { name: 'N' minor: true }") +
                             BytesField(13, "c") + BytesField(14, "w");
  const auto finding = [&](const std::string& text) {
    const std::string output = schema_.Bytes("Shipment", text);
    const absl::Status status = engine.verifier->Compare(context_, record, output);
    EXPECT_TRUE(status.ok() || ReasonOf(status) == v1::ERROR_REASON_VERIFIER_FINDING);
    EXPECT_EQ(engine.verifier->Verify(context_, record, output), status);
    return status.ok() ? "none" : MetadataOf(status, "path");
  };
  EXPECT_EQ(finding("reference: 'R' remark: '***'"), "none");
  EXPECT_EQ(finding("reference: 'S'"), "reference");           // another value
  EXPECT_EQ(finding("pieces: 2"), "pieces");                   // not granted
  EXPECT_EQ(finding("to: 'DE'"), "to");                        // condition
  EXPECT_EQ(finding("card: 'c'"), "card");                     // superseded
  EXPECT_EQ(finding("remark: 'abc'"), "remark");               // not masked
  EXPECT_EQ(finding("recipient { name: 'N' }"), "recipient");  // a minor's
  EXPECT_EQ(finding("customs { }"), "customs");                // an empty message that is not granted
  EXPECT_FALSE(engine.verifier->Verify(context_, record, VarintField(99, 1)).ok());
  EXPECT_FALSE(engine.verifier->Verify(context_, record, "\x0a").ok());
  // Where no oneof has to be decided, the quick look says what is granted; whose value it is only the comparison sees.
  const std::string plain = Bytes("to: 'DE'"), other = schema_.Bytes("Shipment", "reference: 'S'");
  EXPECT_TRUE(engine.verifier->Verify(context_, plain, other).ok());
  EXPECT_FALSE(engine.verifier->Compare(context_, plain, other).ok());
}

}  // namespace
}  // namespace postern::policy::testing
