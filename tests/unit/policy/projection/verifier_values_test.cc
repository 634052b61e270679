// What the verifier believes of texts: nothing that is more than a transform leaves gets past it, also where card
// numbers are cut out of the text first.
#include "policy/projection/verifier_values.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "policy/projection/verifier.h"
#include "tests/unit/policy/projection/test_schema.h"

namespace postern::policy::testing {
namespace {

constexpr char kCard[] = "4111111111111111";

class VerifierValuesTest : public ::testing::Test {
 protected:
  LeafSpec TextLeaf(TransformSpec transform, v1::CardNumberAction rule = v1::REDACT) const {
    LeafSpec leaf = Leaf(type_, "text", std::move(transform));
    leaf.on_card_number = rule;
    return leaf;
  }
  // True if `released` may have come from `original`.
  static bool Accepts(const LeafSpec& leaf, const std::string& original, const std::string& released) {
    return CheckReleasedText(leaf, TestContext(), original, released).empty();
  }

  static v1::Truncate TruncateTo(int points) {
    v1::Truncate truncate;
    truncate.set_max_code_points(points);
    return truncate;
  }
  static v1::Mask MaskBut(int first, int last, const char* with = "*") {
    v1::Mask mask;
    mask.set_keep_first(first);
    mask.set_keep_last(last);
    mask.set_with(with);
    return mask;
  }
  static v1::Redact RedactOf(std::vector<v1::Redact::Detector> detectors) {
    v1::Redact redact;
    for (const v1::Redact::Detector detector : detectors) redact.add_detectors(detector);
    return redact;
  }
  static v1::Generalise PrefixOf(int points) {
    v1::Generalise generalise;
    generalise.set_prefix(points);
    return generalise;
  }

  const TestSchema schema_{"syntax = 'proto3'; message Record { string text = 1; string country = 2; }"};
  const google::protobuf::Descriptor& type_ = *schema_.Type("Record");
};

TEST_F(VerifierValuesTest, ATruncatedTextIsShortEvenWithoutItsCardNumber) {
  const std::string original = absl::StrCat("card ", kCard, " and a long story about it");
  const LeafSpec leaf = TextLeaf(TruncateTo(14));
  EXPECT_TRUE(Accepts(leaf, original, "card [card] an"));
  EXPECT_TRUE(Accepts(TextLeaf(TruncateTo(8)), original, "card [ca"));
  EXPECT_FALSE(Accepts(leaf, original, "card [card] and a long story about it")) << "longer than granted";
  EXPECT_FALSE(Accepts(leaf, original, "and a long story")) << "not its begin";
  EXPECT_FALSE(Accepts(leaf, original, "card [other]")) << "not the record's";
  EXPECT_FALSE(Accepts(TextLeaf(PrefixOf(4)), original, "card [card]"));
}

TEST_F(VerifierValuesTest, AMaskedTextIsMaskedEvenWithoutItsCardNumber) {
  const std::string original = absl::StrCat(kCard, " of Anna Berg");
  const LeafSpec leaf = TextLeaf(MaskBut(0, 4));
  EXPECT_TRUE(Accepts(leaf, original, "***************Berg"));
  EXPECT_FALSE(Accepts(leaf, original, "[card] of Anna Berg"));
  EXPECT_FALSE(Accepts(leaf, original, "[***************nna Berg"));
  // The text that is masked has another length than the record's.
  const Engine engine = MakeEngine([&] {
    PlanSpec spec = KeepSpec(type_, {});
    spec.leaves = {TextLeaf(MaskBut(0, 0))};
    return spec;
  }());
  ProjectionResult result;
  const std::string record = BytesField(1, original);
  ASSERT_TRUE(Project(*engine.plan, TestContext(), record, &result).ok());
  EXPECT_EQ(result.bytes, BytesField(1, std::string(19, '*')));
  EXPECT_EQ(engine.verifier->Compare(TestContext(), record, result.bytes), absl::OkStatus());
}

TEST_F(VerifierValuesTest, ATextWithoutItsCardNumberIsOtherwiseWhole) {
  const std::string original = absl::StrCat("ring, ", kCard, ", twice");
  const LeafSpec leaf = TextLeaf({});
  EXPECT_TRUE(Accepts(leaf, original, "ring, [card], twice"));
  EXPECT_FALSE(Accepts(leaf, original, original)) << "the card number is there";
  EXPECT_FALSE(Accepts(leaf, original, "ring, [card], twice more"));
  EXPECT_FALSE(Accepts(leaf, original, "twice, [card]")) << "not its begin";
  EXPECT_FALSE(Accepts(leaf, original, "[card] ring, twice")) << "not in this order";
  EXPECT_FALSE(Accepts(leaf, "ring twice", "ring [card]")) << "nothing was to be replaced";
}

TEST_F(VerifierValuesTest, ADateIsADateWhateverTheRuleForCardNumbers) {
  v1::Generalise month;
  month.set_date(v1::Generalise::MONTH);
  EXPECT_TRUE(Accepts(TextLeaf(month), "2026-06-15", "2026-06-01"));
  EXPECT_FALSE(Accepts(TextLeaf(month), "2026-06-15", "[2026-06-15]"));
}

TEST_F(VerifierValuesTest, APseudonymOfARewrittenTextIsStillOne) {
  EXPECT_FALSE(Accepts(TextLeaf(v1::Pseudonymise()), "C-1001", "C-1001"));
  EXPECT_FALSE(Accepts(TextLeaf(v1::Pseudonymise()), kCard, kCard));
  EXPECT_TRUE(Accepts(TextLeaf(v1::Pseudonymise()), kCard, std::string(22, 'A')));
}

TEST_F(VerifierValuesTest, ARedactedTextHasNoPlainAddress) {
  const LeafSpec leaf = TextLeaf(RedactOf({v1::Redact::EMAIL}));
  const std::string original = "write to anna@example.ch, please";
  EXPECT_TRUE(Accepts(leaf, original, "write to [email], please"));
  EXPECT_FALSE(Accepts(leaf, original, original));
  EXPECT_TRUE(Accepts(leaf, "meet @ noon", "meet @ noon"));
  EXPECT_FALSE(IsPlausibleText(leaf, "anna@example.ch")) << "not for the quick look";
}

}  // namespace
}  // namespace postern::policy::testing
