// Every transform, on every type it takes, and the card-number rule.
#include <string>

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "policy/projection/projector.h"
#include "policy/projection/transform.h"
#include "proto/errors/error.h"
#include "tests/unit/policy/projection/test_schema.h"

namespace postern::policy::testing {
namespace {

constexpr char kSchema[] = R"(
  syntax = "proto3";
  message Timestamp { int64 seconds = 1; int32 nanos = 2; }
  message Date { int32 year = 1; int32 month = 2; int32 day = 3; string note = 4; }
  message Record {
    string text = 1;
    bytes raw = 2;
    int32 small = 3;
    uint64 big = 4;
    double real = 5;
    Timestamp at = 6;
    Date born = 7;
    repeated string texts = 8;
    map<string, string> labels = 9;
    bool flag = 10;
    sint64 delta = 11;
    repeated int32 runs = 12;
    repeated Date days = 13;
    string country = 14;
  }
)";

template <typename T>
T Parsed(const std::string& text) {
  T message;
  if (!google::protobuf::TextFormat::ParseFromString(text, &message)) std::abort();
  return message;
}

class TransformTest : public ::testing::Test {
 protected:
  const google::protobuf::Descriptor& type() { return *schema_.Type("Record"); }
  std::string Apply(const std::string& path, const TransformSpec& transform, const std::string& record) {
    return Apply(Leaf(type(), path, transform), record);
  }
  std::string Apply(const LeafSpec& leaf, const std::string& record) {
    PlanSpec spec = KeepSpec(type(), {});
    spec.leaves = {leaf};
    ProjectionResult result;
    const absl::Status status =
        ProjectVerified(MakeEngine(spec), TestContext(), schema_.Bytes("Record", record), &result);
    return status.ok() ? schema_.Text("Record", result.bytes) : v1::ErrorReason_Name(ReasonOf(status));
  }
  TestSchema schema_{kSchema};
};

TEST_F(TransformTest, MaskKeepsEndsAndHidesShortTextsWhole) {
  const auto mask = Parsed<v1::Mask>("keep_first: 1 keep_last: 2 with: '#'");
  EXPECT_EQ(Apply("text", mask, "text: 'abcdef'"), "text: \"a###ef\"");
  EXPECT_EQ(Apply("text", mask, "text: 'abc'"), "text: \"###\"");
  EXPECT_EQ(Apply("text", v1::Mask(), "text: '\xe4\xb8\xad\xe6\x96\x87'"), "text: \"**\"");
}

TEST_F(TransformTest, TruncateCutsBetweenCodePoints) {
  EXPECT_EQ(Apply("text", Parsed<v1::Truncate>("max_code_points: 2"), "text: 'a\xe4\xb8\xad\xe6\x96\x87'"),
            "text: \"a\\344\\270\\255\"");
}

TEST_F(TransformTest, GeneraliseDates) {
  const auto to = [](v1::Generalise::DateUnit unit) {
    v1::Generalise spec;
    spec.set_date(unit);
    return spec;
  };
  EXPECT_EQ(Apply("text", to(v1::Generalise::DAY), "text: '2026-08-31'"), "text: \"2026-08-31\"");
  EXPECT_EQ(Apply("text", to(v1::Generalise::MONTH), "text: '2026-08-31'"), "text: \"2026-08-01\"");
  EXPECT_EQ(Apply("text", to(v1::Generalise::QUARTER), "text: '2026-08-31'"), "text: \"2026-07-01\"");
  EXPECT_EQ(Apply("text", to(v1::Generalise::YEAR), "text: '2026-08-31'"), "text: \"2026-01-01\"");
  EXPECT_EQ(Apply("text", to(v1::Generalise::YEAR), "text: 'next year'"), "");
  EXPECT_EQ(Apply("text", to(v1::Generalise::YEAR), "text: '2026-02-29'"), "");
  EXPECT_EQ(Apply("at", to(v1::Generalise::DAY), "at { seconds: -1 nanos: 5 }"), "at { seconds: -86400 }");
  EXPECT_EQ(Apply("at", to(v1::Generalise::YEAR), "at { seconds: 1788220800 }"), "at { seconds: 1767225600 }");
  EXPECT_EQ(Apply("at", to(v1::Generalise::DAY), "at { seconds: 999999999999 }"), "");
  EXPECT_EQ(Apply("born", to(v1::Generalise::MONTH), "born { year: 2010 month: 5 day: 20 note: 'n' }"),
            "born { year: 2010 month: 5 day: 1 }");
  EXPECT_EQ(Apply("born", to(v1::Generalise::QUARTER), "born { year: 2010 month: 5 day: 20 }"),
            "born { year: 2010 month: 4 day: 1 }");
  EXPECT_EQ(Apply("born", to(v1::Generalise::YEAR), "born { year: 2010 month: 13 }"), "");
  EXPECT_EQ(Apply("days", to(v1::Generalise::YEAR), "days { year: 1 } days { month: 99 } days { year: 2 month: 2 }"),
            "days { year: 1 } days { year: 2 month: 1 }");
}

TEST_F(TransformTest, WholeDateKeepsOnlyTheDate) {
  EXPECT_EQ(Apply("born", {}, "born { year: 2010 month: 5 day: 20 note: 'secret' }"),
            "born { year: 2010 month: 5 day: 20 }");
}

TEST_F(TransformTest, GeneraliseNumbersRoundsDown) {
  const auto step = Parsed<v1::Generalise>("step: 10");
  EXPECT_EQ(Apply("small", step, "small: 19"), "small: 10");
  EXPECT_EQ(Apply("small", step, "small: -1"), "small: -10");
  EXPECT_EQ(Apply("small", step, "small: -2147483648"), "");
  EXPECT_EQ(Apply("small", step, "small: 9"), "");  // zero, which the wire leaves out
  EXPECT_EQ(Apply("big", step, "big: 18446744073709551615"), "big: 18446744073709551610");
  EXPECT_EQ(Apply("delta", step, "delta: -11"), "delta: -20");
  EXPECT_EQ(Apply("real", step, "real: 25.5"), "real: 20");
  EXPECT_EQ(Apply("real", step, "real: inf"), "");
  EXPECT_EQ(Apply("runs", step, "runs: [11, 5, 29]"), "runs: 10 runs: 0 runs: 20");
}

TEST_F(TransformTest, GeneraliseToPrefixAndConstant) {
  EXPECT_EQ(Apply("text", Parsed<v1::Generalise>("prefix: 2"), "text: '8001'"), "text: \"80\"");
  EXPECT_EQ(Apply("texts", Parsed<v1::Constant>("value: 'x'"), "texts: 'a' texts: ''"), "texts: \"x\" texts: \"x\"");
  EXPECT_EQ(Apply("text", Parsed<v1::Constant>("value: 'x'"), ""), "");
}

TEST_F(TransformTest, GeneralisePostcodeByTheCountryOfTheRecord) {
  LeafSpec leaf = Leaf(type(), "text", Parsed<v1::Generalise>(R"pb(
                         postcode {
                           country_path: "country"
                           rules { countries: "CH" countries: "DE" prefix: 2 }
                           rules { countries: "VA" prefix: 0 }
                           otherwise: 1
                         })pb"));
  leaf.country = PathOf(type(), "country");
  EXPECT_EQ(Apply(leaf, "text: '8001' country: 'CH'"), "text: \"80\"");
  EXPECT_EQ(Apply(leaf, "text: '10115' country: 'DE'"), "text: \"10\"");
  EXPECT_EQ(Apply(leaf, "text: 'SW1A 1AA' country: 'GB'"), "text: \"S\"");
  EXPECT_EQ(Apply(leaf, "text: '00120' country: 'VA'"), "");
  EXPECT_EQ(Apply(leaf, "text: '8001'"), "text: \"8\"");
  // The country that counts is the last, wherever it stands.
  PlanSpec spec = KeepSpec(type(), {});
  spec.leaves = {leaf};
  ProjectionResult result;
  ASSERT_TRUE(ProjectVerified(MakeEngine(spec), TestContext(),
                              BytesField(14, "CH") + BytesField(1, "8001") + BytesField(14, "GB"), &result)
                  .ok());
  EXPECT_EQ(result.bytes, BytesField(1, "8"));
  leaf.country.clear();
  spec.leaves = {leaf};
  EXPECT_FALSE(BuildPlan(spec).ok());
}

// Clause: P1.4b
TEST_F(TransformTest, PseudonymiseIsTwentyTwoCharactersOfTheKeyedDigest) {
  const std::string one = Apply("text", v1::Pseudonymise(), "text: 'alice'");
  EXPECT_EQ(one.size(), std::string("text: \"\"").size() + 22);
  EXPECT_EQ(one.find("alice"), std::string::npos);
  EXPECT_EQ(one, Apply("text", v1::Pseudonymise(), "text: 'alice'"));
  EXPECT_NE(one, Apply("text", v1::Pseudonymise(), "text: 'alicf'"));
  EXPECT_NE(Apply("raw", v1::Pseudonymise(), "raw: 'alice'"), "");
}

TEST_F(TransformTest, MapsTransformTheirValuesInEveryEntry) {
  EXPECT_EQ(Apply("labels", v1::Mask(), "labels { key: 'k' value: 'secret' } labels { key: 'a' value: 'b' }"),
            "labels { key: \"a\" value: \"*\" } labels { key: \"k\" value: \"******\" }");
}

TEST_F(TransformTest, EveryOccurrenceIsTransformedWhateverItsForm) {
  PlanSpec spec = KeepSpec(type(), {});
  spec.leaves = {Leaf(type(), "text", v1::Mask())};
  ProjectionResult result;
  ASSERT_TRUE(ProjectVerified(MakeEngine(spec), TestContext(),
                              BytesField(1, "one") + VarintField(3, 1) + BytesField(1, "three"), &result)
                  .ok());
  EXPECT_EQ(result.bytes, BytesField(1, "*****"));
}

TEST_F(TransformTest, RedactRemovesWhatItFinds) {
  const auto redact = Parsed<v1::Redact>("detectors: [CARD_NUMBER, IBAN, EMAIL, PHONE]");
  EXPECT_EQ(Apply("text", redact, "text: 'pay 4111 1111 1111 1111 or DE89 3704 0044 0532 0130 00, a.b@example.com'"),
            "text: \"pay [card] or [iban], [email]\"");
  EXPECT_EQ(Apply("text", redact, "text: 'call +41 44 668 18 00 or (044) 668 18 00 before 2026-06-15'"),
            "text: \"call [phone] or [phone] before 2026-06-15\"");
  EXPECT_EQ(Apply("text", Parsed<v1::Redact>("detectors: EMAIL"), "text: '4111 1111 1111 1111 x@y.ch'"),
            "text: \"4111 1111 1111 1111 [email]\"");
}

// Clause: W1.2b
TEST_F(TransformTest, CardNumberInAStructuredFieldRefusesTheRecord) {
  LeafSpec leaf = Leaf(type(), "text");
  leaf.on_card_number = v1::REFUSE;
  EXPECT_EQ(Apply(leaf, "text: 'ref 4111-1111-1111-1111'"), "ERROR_REASON_CARD_NUMBER");
  EXPECT_EQ(Apply(leaf, "text: 'ref 4111-1111-1111-1112'"), "text: \"ref 4111-1111-1111-1112\"");
  LeafSpec labels = Leaf(type(), "labels");
  labels.on_card_number = v1::REFUSE;
  EXPECT_EQ(Apply(labels, "labels { key: '4111111111111111' value: 'v' }"), "ERROR_REASON_CARD_NUMBER");
  EXPECT_EQ(Apply(labels, "labels { key: 'k' value: '4111111111111111' }"), "ERROR_REASON_CARD_NUMBER");
}

// Clause: W1.2b
TEST_F(TransformTest, CardNumberInFreeTextIsRedacted) {
  LeafSpec leaf = Leaf(type(), "text");
  leaf.on_card_number = v1::REDACT;
  EXPECT_EQ(Apply(leaf, "text: 'ring twice, card 5500 0000 0000 0004 thanks'"),
            "text: \"ring twice, card [card] thanks\"");
}

// A broken projector may not put another text in the place of one that had a card number.
TEST_F(TransformTest, TheVerifierComparesWhatStandsAroundARedactedCardNumber) {
  PlanSpec spec = KeepSpec(type(), {"text"});
  spec.leaves[0].on_card_number = v1::REDACT;
  const Engine engine = MakeEngine(spec);
  const std::string record = BytesField(1, "ring twice, 4111111111111111, thanks");
  const auto accepts = [&](const std::string& text) {
    return engine.verifier->Compare(TestContext(), record, BytesField(1, text)).ok();
  };
  EXPECT_TRUE(accepts("ring twice, [card], thanks"));
  EXPECT_FALSE(accepts("ring twice, [card], account 77"));
  EXPECT_FALSE(accepts("[card] of somebody else"));
}

// Clause: W1.2b
TEST_F(TransformTest, SupersededCardNumberDoesNotRefuse) {
  PlanSpec spec = KeepSpec(type(), {"text"});
  spec.leaves[0].on_card_number = v1::REFUSE;
  ProjectionResult result;
  EXPECT_TRUE(
      ProjectVerified(MakeEngine(spec), TestContext(), BytesField(1, "4111111111111111") + BytesField(1, "ok"), &result)
          .ok());
}

// Clause: W1.2b
TEST_F(TransformTest, CuttingCannotMakeACardNumber) {
  LeafSpec leaf = Leaf(type(), "text", Parsed<v1::Truncate>("max_code_points: 16"));
  leaf.on_card_number = v1::REDACT;
  EXPECT_EQ(Apply(leaf, "text: '411111111111111199999'"), "text: \"[card]\"");
}

TEST_F(TransformTest, EachTransformTakesItsTypesOnly) {
  const auto takes = [&](const char* path, const TransformSpec& spec) {
    return CheckTransform(*PathOf(type(), path).back(), spec).ok();
  };
  const TransformSpec date = Parsed<v1::Generalise>("date: MONTH"), step = Parsed<v1::Generalise>("step: 5");
  EXPECT_TRUE(takes("text", v1::Mask()));
  EXPECT_FALSE(takes("small", v1::Mask()));
  EXPECT_FALSE(takes("raw", v1::Mask()));
  EXPECT_FALSE(takes("text", v1::Truncate()));  // no length
  EXPECT_TRUE(takes("raw", v1::Pseudonymise()));
  EXPECT_FALSE(takes("small", v1::Pseudonymise()));
  EXPECT_TRUE(takes("at", date));
  EXPECT_TRUE(takes("born", date));
  EXPECT_TRUE(takes("text", date));
  EXPECT_FALSE(takes("small", date));
  EXPECT_TRUE(takes("runs", step));
  EXPECT_FALSE(takes("flag", step));
  EXPECT_FALSE(takes("text", step));
  EXPECT_FALSE(takes("raw", step));
  EXPECT_FALSE(takes("at", step));
  EXPECT_FALSE(takes("text", v1::Generalise()));
  const auto postcode = Parsed<v1::Generalise>("postcode { country_path: 'country' rules { countries: 'CH' } }");
  EXPECT_TRUE(takes("text", postcode));
  EXPECT_TRUE(takes("labels", postcode));
  EXPECT_FALSE(takes("raw", postcode));
  EXPECT_FALSE(takes("big", postcode));
  EXPECT_FALSE(takes("at", postcode));
  EXPECT_FALSE(takes("text", v1::Redact()));  // no detector
  EXPECT_FALSE(takes("text", Parsed<v1::Mask>("with: 'ab'")));
  EXPECT_FALSE(takes("at", v1::Mask()));
}

}  // namespace
}  // namespace postern::policy::testing
