// The verifier never accuses the projector: a finding stops a partner, so no text that a customer writes may cause one.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "policy/projection/projector.h"
#include "policy/projection/verifier.h"
#include "tests/unit/policy/projection/random_text.h"
#include "tests/unit/policy/projection/test_schema.h"

namespace postern::policy::testing {
namespace {

// Of all texts together; POSTERN_ORACLE_CASES sets another number, for a long run.
int64_t Cases() {
  const char* cases = std::getenv("POSTERN_ORACLE_CASES");
  return cases == nullptr ? 12000 : std::atoll(cases);
}

uint64_t Seed() {
  const char* seed = std::getenv("POSTERN_ORACLE_SEED");
  return seed == nullptr ? 20260615 : std::strtoull(seed, nullptr, 10);
}

v1::Mask MaskBut(int first, int last, const char* with) {
  v1::Mask mask;
  mask.set_keep_first(first);
  mask.set_keep_last(last);
  mask.set_with(with);
  return mask;
}

v1::Truncate TruncateTo(int points) {
  v1::Truncate truncate;
  truncate.set_max_code_points(points);
  return truncate;
}

v1::Generalise PrefixOf(int points) {
  v1::Generalise generalise;
  generalise.set_prefix(points);
  return generalise;
}

v1::Redact RedactOf(const std::vector<v1::Redact::Detector>& detectors) {
  v1::Redact redact;
  for (const v1::Redact::Detector detector : detectors) redact.add_detectors(detector);
  return redact;
}

std::vector<TransformSpec> AllTransforms() {
  using R = v1::Redact;
  v1::Generalise month, postcode;
  month.set_date(v1::Generalise::MONTH);
  postcode.mutable_postcode()->set_country_path("country");
  postcode.mutable_postcode()->set_otherwise(18);
  postcode.mutable_postcode()->add_rules()->add_countries("CH");
  return {TransformSpec(),
          TruncateTo(3),
          TruncateTo(17),
          TruncateTo(40),
          PrefixOf(4),
          PrefixOf(20),
          MaskBut(0, 0, ""),
          MaskBut(0, 4, "*"),
          MaskBut(8, 8, "-"),
          MaskBut(3, 2, "4"),
          MaskBut(1, 1, "٤"),
          MaskBut(6, 0, "["),
          MaskBut(4, 12, " "),
          RedactOf({R::EMAIL}),
          RedactOf({R::CARD_NUMBER}),
          RedactOf({R::IBAN, R::PHONE}),
          RedactOf({R::CARD_NUMBER, R::IBAN, R::EMAIL, R::PHONE}),
          RedactOf({R::PHONE}),
          v1::Pseudonymise(),
          month,
          postcode};
}

class AccusationTest : public ::testing::TestWithParam<const char*> {};

// proto2 asks for no valid UTF-8 where nothing is transformed.
INSTANTIATE_TEST_SUITE_P(Syntax, AccusationTest, ::testing::Values("proto2", "proto3"));

// Clause: W1.2b
TEST_P(AccusationTest, NoTextMakesTheVerifierAccuseTheProjector) {
  const bool proto3 = absl::string_view(GetParam()) == "proto3";
  const TestSchema schema(proto3 ? "syntax = 'proto3'; message Record { string text = 1; string country = 2; }"
                                 : "syntax = 'proto2'; message Record { optional string text = 1; optional string "
                                   "country = 2; }");
  const auto& type = *schema.Type("Record");
  RandomText texts(Seed() + (proto3 ? 1 : 0));
  uint64_t broken = 0;
  ProjectionResult result;
  int64_t released = 0, rewritten = 0, refused = 0;
  const std::vector<TransformSpec> transforms = AllTransforms();
  const int64_t each = Cases() / 2 / static_cast<int64_t>(transforms.size() * 3);
  for (const v1::CardNumberAction rule : {v1::CARD_NUMBER_ACTION_UNSPECIFIED, v1::REFUSE, v1::REDACT}) {
    for (const TransformSpec& transform : transforms) {
      PlanSpec spec = KeepSpec(type, {});
      LeafSpec leaf = Leaf(type, "text", transform);
      leaf.on_card_number = rule;
      const auto* generalise = std::get_if<v1::Generalise>(&transform);
      if (generalise != nullptr && generalise->has_postcode()) leaf.country = PathOf(type, "country");
      spec.leaves = {leaf};
      const Engine engine = MakeEngine(spec);
      for (int64_t i = 0; i < each; ++i) {
        std::string text = texts.Make();
        if (!proto3 && ++broken % 4 == 0) text[broken % text.size()] = '\xf0';
        const std::string record = BytesField(1, text);
        if (!Project(*engine.plan, TestContext(), record, &result).ok()) {
          ++refused;
          continue;
        }
        ++released;
        rewritten += absl::StrContains(result.bytes, "[card]") && !absl::StrContains(text, "[card]");
        ASSERT_EQ(engine.verifier->Compare(TestContext(), record, result.bytes), absl::OkStatus())
            << absl::CHexEscape(text) << " -> " << absl::CHexEscape(result.bytes) << " transform " << transform.index()
            << " rule " << rule;
        ASSERT_EQ(engine.verifier->Verify(TestContext(), record, result.bytes), absl::OkStatus())
            << absl::CHexEscape(text);
      }
    }
  }
  std::printf("%lld texts released, %lld of them rewritten, %lld refused, none accused\n",
              static_cast<long long>(released), static_cast<long long>(rewritten), static_cast<long long>(refused));
  EXPECT_GT(released, Cases() / 4);
  EXPECT_GT(rewritten, Cases() / 100);
  EXPECT_GT(refused, Cases() / 100);
}

// The first texts that it was found with.
TEST(AccusationCasesTest, DigitsOfTwoScriptsAreOneGroup) {
  const TestSchema schema("syntax = 'proto3'; message Record { string text = 1; }");
  PlanSpec spec = KeepSpec(*schema.Type("Record"), {"text"});
  spec.leaves[0].on_card_number = v1::REDACT;
  const Engine engine = MakeEngine(spec);
  ProjectionResult result;
  for (const char* text : {"378282246310005٤١١١١١١١١١١١١١١١", "378282246310005٤", "٤378282246310005",
                           "DE89370400440532013000378282246310005", "ＤＥ89 3704 0044 0532 0130 00 1"}) {
    ASSERT_TRUE(ProjectVerified(engine, TestContext(), BytesField(1, text), &result).ok());
    EXPECT_EQ(result.bytes, BytesField(1, text));
  }
  for (const char* text : {"378282246310005 ٤", "٣٧٨٢٨٢٢٤٦٣١٠٠٠٥", "3782 822463 1000٥", "x378282246310005中"}) {
    ASSERT_TRUE(ProjectVerified(engine, TestContext(), BytesField(1, text), &result).ok());
    EXPECT_NE(result.bytes, BytesField(1, text)) << text;
    EXPECT_FALSE(engine.verifier->Compare(TestContext(), BytesField(1, text), BytesField(1, text)).ok()) << text;
  }
}

}  // namespace
}  // namespace postern::policy::testing
