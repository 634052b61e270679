// Amounts as one value: google.type.Money and decimals in steps.
#include "policy/projection/amount.h"

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/strip.h"
#include "policy/projection/projector.h"
#include "policy/projection/transform.h"
#include "proto/errors/error.h"
#include "tests/unit/policy/projection/naive_report.h"
#include "tests/unit/policy/projection/test_schema.h"

namespace postern::policy::testing {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min(), kMax = std::numeric_limits<int64_t>::max();

constexpr char kSchema[] = R"(
  syntax = "proto3";
  import "google/type/decimal.proto";
  import "google/type/money.proto";
  message Order {
    google.type.Money total = 1;
    repeated google.type.Money parts = 2;
    map<string, google.type.Money> named = 3;
    google.type.Decimal rate = 4;
    Price price = 5;
  }
  message Price { int64 units = 1; int32 nanos = 2; }
)";

class AmountTest : public ::testing::Test {
 protected:
  static v1::Generalise Step(int64_t step) {
    v1::Generalise generalise;
    generalise.set_step(step);
    return generalise;
  }
  std::string Projected(const std::string& path, int64_t step, const std::string& text) {
    return ProjectedBytes(path, step, schema_.Bytes("Order", text));
  }
  std::string ProjectedBytes(const std::string& path, int64_t step, const std::string& record) {
    PlanSpec spec = KeepSpec(type(), {});
    spec.leaves = {Leaf(type(), path, Step(step))};
    engine_ = MakeEngine(spec);
    const absl::Status status = ProjectVerified(engine_, TestContext(), record, &result_);
    return status.ok() ? schema_.Text("Order", result_.bytes)
                       : std::string(absl::StripPrefix(v1::ErrorReason_Name(ReasonOf(status)), "ERROR_REASON_"));
  }
  const google::protobuf::Descriptor& type() const { return *schema_.Type("Order"); }

  const TestSchema schema_{kSchema};
  Engine engine_;
  ProjectionResult result_;
};

TEST_F(AmountTest, UnitsAndNanosAreOneAmount) {
  EXPECT_EQ(Projected("total", 10, "total { currency_code: 'CHF' units: 19 nanos: 990000000 }"),
            "total { currency_code: \"CHF\" units: 10 }");
  EXPECT_EQ(Projected("total", 10, "total { currency_code: 'CHF' units: -10 nanos: -1 }"),
            "total { currency_code: \"CHF\" units: -20 }");
  EXPECT_EQ(Projected("total", 10, "total { units: -10 }"), "total { units: -10 }");
  EXPECT_EQ(Projected("total", 10, "total { nanos: -500000000 }"), "total { units: -10 }");
  EXPECT_EQ(Projected("total", 10, "total { currency_code: 'JPY' units: 9 nanos: 999999999 }"),
            "total { currency_code: \"JPY\" }");
  EXPECT_EQ(Projected("total", 1, "total { }"), "total { }");
  EXPECT_EQ(Projected("total", 10, ""), "");
}

TEST_F(AmountTest, WhatIsNoAmountStays) {
  EXPECT_EQ(Projected("total", 10, "total { units: 1 nanos: -1 }"), "");
  EXPECT_EQ(Projected("total", 10, "total { units: -1 nanos: 1 }"), "");
  EXPECT_EQ(Projected("total", 10, "total { nanos: 1000000000 }"), "");
  EXPECT_EQ(Projected("total", 10, "total { nanos: -1000000000 }"), "");
  EXPECT_EQ(Projected("total", 10, "total { units: -9223372036854775808 }"), "")
      << "the multiple below is out of range";
  EXPECT_EQ(Projected("total", 1, "total { units: -9223372036854775808 }"), "total { units: -9223372036854775808 }");
  EXPECT_EQ(Projected("total", 1, "total { units: -9223372036854775808 nanos: -1 }"), "");
  std::vector<WithheldField> withheld;
  ASSERT_TRUE(
      ExplainWithheld(*engine_.plan, TestContext(), schema_.Bytes("Order", "total { units: 1 nanos: -1 }"), &withheld)
          .ok());
  ASSERT_EQ(withheld.size(), 1u);
  EXPECT_EQ(withheld[0].path, "total");
  EXPECT_EQ(withheld[0].reason, WithheldReason::kUnfit);
}

TEST_F(AmountTest, EveryOccurrence) {
  EXPECT_EQ(Projected("parts", 5, "parts { units: 7 } parts { units: 1 nanos: -1 } parts { units: -7 nanos: -1 }"),
            "parts { units: 5 } parts { units: -10 }");
}

TEST_F(AmountTest, LastPartsCountAndTheRestIsDropped) {
  const std::string money = BytesField(1, "EUR") + VarintField(2, 12) + VarintField(2, 27) + BytesField(9, "unknown");
  EXPECT_EQ(ProjectedBytes("total", 10, BytesField(1, money)), "total { currency_code: \"EUR\" units: 20 }");
  EXPECT_EQ(ProjectedBytes("total", 10, BytesField(1, VarintField(2, 12)) + BytesField(1, BytesField(1, "EUR"))),
            "total { currency_code: \"EUR\" units: 10 }");
  EXPECT_EQ(ProjectedBytes("total", 10, BytesField(1, BytesField(1, "\xff"))), "RECORD_MALFORMED");
}

// An amount is a message also where it is a map's value: an unknown field of it is withheld, and named. The oracle has
// to say so too.
TEST_F(AmountTest, ExactReportsNameUnknownFieldsOfAmountsInMaps) {
  const auto entry = [](const std::string& amount) {
    return BytesField(3, BytesField(1, "a") + BytesField(2, amount));
  };
  const auto reported = [&](const std::string& record) {
    EXPECT_NE(ProjectedBytes("named", 10, record), "RECORD_MALFORMED");
    std::vector<WithheldField> withheld;
    EXPECT_TRUE(ExplainWithheld(*engine_.plan, TestContext(), record, &withheld).ok());
    Report exact;
    for (const WithheldField& field : withheld) exact.emplace(field.path, field.reason);
    PlanSpec spec = KeepSpec(type(), {});
    spec.leaves = {Leaf(type(), "named", Step(10))};
    const std::unique_ptr<google::protobuf::Message> parsed = schema_.New(type());
    EXPECT_TRUE(parsed->ParseFromString(record));
    EXPECT_EQ(exact, NaiveReport(spec, TestContext(), *parsed));
    return exact;
  };
  const std::string plain = VarintField(2, 17), with_unknown = plain + VarintField(9, 1);
  const Report unknown = {{"named.(unknown)", WithheldReason::kUnknown}};
  EXPECT_EQ(reported(entry(plain)), Report());
  EXPECT_EQ(reported(entry(with_unknown)), unknown);
  EXPECT_EQ(reported(entry(plain) + entry(with_unknown)), unknown);
  EXPECT_EQ(reported(entry(with_unknown) + entry(plain)), Report()) << "of entries with one key the last counts";
}

TEST_F(AmountTest, TheVerifierFindsFinerAmounts) {
  const std::string record = schema_.Bytes("Order", "total { currency_code: 'CHF' units: 19 nanos: 5 }");
  ASSERT_NE(ProjectedBytes("total", 10, record), "");
  const auto verify = [&](const std::string& text) {
    return engine_.verifier->Verify(TestContext(), record, schema_.Bytes("Order", text));
  };
  EXPECT_TRUE(verify("total { currency_code: 'CHF' units: 10 }").ok());
  EXPECT_FALSE(verify("total { currency_code: 'CHF' units: 19 }").ok());
  EXPECT_FALSE(verify("total { currency_code: 'CHF' units: 10 nanos: 5 }").ok());
  EXPECT_FALSE(verify("total { currency_code: 'CHF' units: 20 }").ok());
  EXPECT_FALSE(verify("total { currency_code: 'EUR' units: 10 }").ok());
}

TEST_F(AmountTest, DecimalsInSteps) {
  const auto rounded = [](const char* text, int64_t step) {
    std::string out;
    return AppendDecimalInSteps(text, step, &out) ? out : "-";
  };
  EXPECT_EQ(rounded("19.99", 10), "10");
  EXPECT_EQ(rounded("+19.", 10), "10");
  EXPECT_EQ(rounded(".5", 1), "0");
  EXPECT_EQ(rounded("-.5", 1), "-1");
  EXPECT_EQ(rounded("-20.00", 10), "-20");
  EXPECT_EQ(rounded("-20.01", 10), "-30");
  EXPECT_EQ(rounded("000123456789012345678", 1), "123456789012345678");
  for (const char* text : {"", ".", "-", "1e3", "1,5", "1 000", "0x1", "1234567890123456789", "٣", "1.2.3", "--1"}) {
    EXPECT_EQ(rounded(text, 1), "-") << text;
  }
  EXPECT_EQ(rounded("-999999999999999999", kMax), "-9223372036854775807");
  EXPECT_EQ(RoundDown(kMin, kMax), std::nullopt);
  EXPECT_EQ(RoundDown(kMin, 2), kMin);
  EXPECT_EQ(Projected("rate.value", 5, "rate { value: '-7.25' }"), "rate { value: \"-10\" }");
  EXPECT_EQ(Projected("rate.value", 5, "rate { value: 'about 7' }"), "rate { }");
}

TEST_F(AmountTest, TheVerifierFindsFinerDecimals) {
  const std::string record = schema_.Bytes("Order", "rate { value: '-7.25' }");
  ASSERT_NE(ProjectedBytes("rate.value", 5, record), "");
  const auto verify = [&](const std::string& rate) {
    return engine_.verifier->Compare(TestContext(), record, schema_.Bytes("Order", "rate { value: '" + rate + "' }"));
  };
  EXPECT_TRUE(verify("-10").ok());
  for (const char* rate : {"-7", "-5", "-15", "-7.25", "-010", "5", ""}) {
    EXPECT_EQ(verify(rate).ok(), rate[0] == '\0') << rate;
  }
}

TEST_F(AmountTest, WholeAmountsTakeStepsOnly) {
  EXPECT_TRUE(IsMoney(*type().FindFieldByName("total")->message_type()));
  EXPECT_FALSE(IsMoney(*type().FindFieldByName("price")->message_type()));
  EXPECT_TRUE(CheckTransform(*type().FindFieldByName("total"), Step(5)).ok());
  EXPECT_FALSE(CheckTransform(*type().FindFieldByName("total"), {}).ok());
  EXPECT_FALSE(CheckTransform(*type().FindFieldByName("price"), Step(5)).ok());
  EXPECT_FALSE(CheckTransform(*type().FindFieldByName("named"), Step(5)).ok()) << "a map of messages";
}

}  // namespace
}  // namespace postern::policy::testing
