#include "policy/report/explain.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/errors/error.h"
#include "tests/unit/policy/bundle/bundle_files.h"

namespace postern::policy {
namespace {

std::string Text(const Explanation& explanation) {
  std::string text = absl::StrCat(explanation.contract, " for ", explanation.purpose, " of ", explanation.record_type,
                                  ": ", explanation.justification, "\n");
  for (const ExplainedLeaf& leaf : explanation.leaves) {
    absl::StrAppend(&text, leaf.granted ? "+ " : "- ", leaf.path, " (", leaf.type, ", ", leaf.category, ")");
    if (!leaf.roles.empty()) absl::StrAppend(&text, " roles ", absl::StrJoin(leaf.roles, "+"));
    if (leaf.required) absl::StrAppend(&text, " required");
    if (!leaf.transform.empty()) absl::StrAppend(&text, " ", leaf.transform);
    if (!leaf.conditions.empty()) absl::StrAppend(&text, " if ", absl::StrJoin(leaf.conditions, " and "));
    if (leaf.withheld_from_minors) absl::StrAppend(&text, " not from minors");
    if (!leaf.consent.empty()) absl::StrAppend(&text, " with ", leaf.consent);
    absl::StrAppend(&text, ": ", leaf.reason, " [", leaf.clause, "]\n");
  }
  return text;
}

TEST(ExplainTest, SaysOfEveryFieldWhyItLeavesOrStays) {
  const auto bundle = RetailBundle();
  const auto explanation = Explain(*bundle, "partners/swift-parcel", "delivery", "shop.v1.Shipment");
  ASSERT_TRUE(explanation.ok()) << explanation.status();
  ExpectGolden("retail/explain_swift_parcel.expected", Text(*explanation));
}

TEST(ExplainTest, TakesAContractNameToo) {
  const auto bundle = RetailBundle();
  EXPECT_TRUE(Explain(*bundle, "partners/clear-pay/contracts/payments", "settlement", "shop.v1.PaymentRequest").ok());
}

TEST(ExplainTest, NamesWhatIsUnknown) {
  const auto bundle = RetailBundle();
  EXPECT_EQ(ReasonOf(Explain(*bundle, "partners/nobody", "delivery", "shop.v1.Shipment").status()),
            v1::ERROR_REASON_PARTNER_UNKNOWN);
  EXPECT_EQ(ReasonOf(Explain(*bundle, "partners/swift-parcel", "delivery", "shop.v1.Nothing").status()),
            v1::ERROR_REASON_RECORD_TYPE_UNKNOWN);
  EXPECT_EQ(ReasonOf(Explain(*bundle, "partners/swift-parcel", "refund", "shop.v1.Shipment").status()),
            v1::ERROR_REASON_PURPOSE_NOT_GRANTED);
}

}  // namespace
}  // namespace postern::policy
