#include "policy/language/compiler.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "tests/unit/policy/bundle/bundle_files.h"

namespace postern::policy {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// Every grant with its leaves, as the compiler sees them.
std::string Describe(const CompiledBundle& bundle) {
  std::string text;
  const auto describe = [&text, &bundle](const char* what, const CompiledContract& contract,
                                         const CompiledGrant& grant) {
    absl::StrAppend(&text, contract.name, " ", what, " ", grant.purpose, " of ", grant.record_type,
                    grant.consent_required ? ", consent required" : "",
                    "\n  categories: ", absl::StrJoin(grant.categories, ", "),
                    "\n  consents: ", absl::StrJoin(grant.plan->consents(), ", "), "\n");
    for (const std::string& path : grant.plan->granted_paths()) {
      absl::StrAppend(&text, "  + ", path, " (", bundle.CategoryOf(grant.record_type, path), ")\n");
    }
  };
  for (const auto& contract : bundle.contracts()) {
    for (const CompiledGrant& grant : contract->grants) describe("grants", *contract, grant);
    for (const CompiledGrant& grant : contract->inbound) describe("lets back", *contract, grant);
  }
  return text;
}

TextSource& File(BundleSources& sources, const std::string& name) {
  return *std::find_if(sources.files.begin(), sources.files.end(),
                       [&name](const TextSource& f) { return f.name == name; });
}

// Replaces one occurrence, which must be there.
void Edit(TextSource& file, const std::string& from, const std::string& to) {
  const size_t at = file.text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  file.text.replace(at, from.size(), to);
}

const LeafSpec& Leaf(const CompiledBundle& bundle, const char* contract, const char* purpose, const char* type,
                     const std::string& path) {
  const CompiledGrant* grant = bundle.FindContract(contract)->FindGrant(purpose, type);
  for (const LeafSpec& leaf : grant->spec->leaves) {
    if (ToDotted(leaf.path) == path) return leaf;
  }
  ADD_FAILURE() << path << " is not granted";
  return grant->spec->leaves.front();
}

const LeafSpec& SwiftLeaf(const CompiledBundle& bundle, const std::string& path) {
  return Leaf(bundle, "partners/swift-parcel/contracts/parcel", "delivery", "shop.v1.Shipment", path);
}

TEST(CompilerTest, CompilesTheShippedBundle) {
  const auto bundle = RetailBundle();
  ASSERT_NE(bundle, nullptr);
  ExpectGolden("retail/grants.expected", Describe(*bundle));
}

// Clause: P1.1b
TEST(CompilerTest, EveryFieldOfTheShippedRecordTypesIsClassified) {
  const auto bundle = RetailBundle();
  size_t leaves = 0;
  for (const auto& [name, record] : bundle->catalogue().record_types()) {
    EXPECT_THAT(record.unclassified, IsEmpty()) << name;
    leaves += record.leaves.size();
  }
  EXPECT_GE(leaves, 60u);
}

TEST(CompilerTest, SharesWhatWasBuiltForEqualGrants) {
  BundleSources sources = RetailSources();
  TextSource twin = File(sources, "contracts/swift-parcel.txtpb");
  TextSource narrower = twin;
  twin.name = "contracts/twin.txtpb";
  twin.text = absl::StrReplaceAll(twin.text, {{"partners/swift-parcel", "partners/twin"}});
  narrower.name = "contracts/narrower.txtpb";
  narrower.text = absl::StrReplaceAll(narrower.text, {{"partners/swift-parcel", "partners/narrower"}});
  Edit(narrower, "fields { path: \"recipient.phone\"", "# fields { path: \"recipient.phone\"");
  sources.files.push_back(twin);
  sources.files.push_back(narrower);
  const CompileResult result = Compile(sources);
  ASSERT_NE(result.bundle, nullptr);
  const auto grant = [&](const char* contract) {
    return result.bundle->FindContract(contract)->FindGrant("delivery", "shop.v1.Shipment");
  };
  const CompiledGrant* first = grant("partners/swift-parcel/contracts/parcel");
  const CompiledGrant* equal = grant("partners/twin/contracts/parcel");
  const CompiledGrant* other = grant("partners/narrower/contracts/parcel");
  ASSERT_NE(first, nullptr);
  ASSERT_NE(equal, nullptr);
  ASSERT_NE(other, nullptr);
  EXPECT_EQ(first->plan, equal->plan);
  EXPECT_EQ(first->verifier, equal->verifier);
  EXPECT_EQ(first->spec, equal->spec);
  EXPECT_NE(first->plan, other->plan);
  EXPECT_THAT(first->plan->granted_paths(), Contains("recipient.phone"));
  EXPECT_THAT(other->plan->granted_paths(), Not(Contains("recipient.phone")));
}

TEST(CompilerTest, DoesNotDependOnTheOrderOfFiles) {
  BundleSources sources = RetailSources();
  const std::string expected = Describe(*Compile(sources).bundle);
  std::reverse(sources.files.begin(), sources.files.end());
  EXPECT_EQ(Describe(*Compile(sources).bundle), expected);
}

// Clause: W4b
TEST(CompilerTest, CustomsLeaveOnlyAcrossABorderEvenWhereTheContractForgetsIt) {
  const auto bundle = RetailBundle();
  const LeafSpec& leaf = SwiftLeaf(*bundle, "customs.incoterm");
  ASSERT_EQ(leaf.when.size(), 1u);
  EXPECT_EQ(ToDotted(leaf.when[0].left), "sender.country");
  EXPECT_EQ(ToDotted(leaf.when[0].right), "recipient.address.country");
  EXPECT_EQ(leaf.when[0].kind, PredicateSpec::Kind::kDiffersFrom);
  EXPECT_TRUE(leaf.when[0].absent_is_false);
  EXPECT_EQ(SwiftLeaf(*bundle, "customs.items.hs_code").when.size(), 2u) << "the contract's own and the policy's";
}

// Clause: W6b
TEST(CompilerTest, MinorsKeepWhatThePolicyWithholds) {
  const auto bundle = RetailBundle();
  EXPECT_TRUE(SwiftLeaf(*bundle, "preferences.at_home_from").withheld_from_minors);
  EXPECT_FALSE(SwiftLeaf(*bundle, "recipient.name").withheld_from_minors);
}

// Towards: W2b
TEST(CompilerTest, ACategoryThatNeedsConsentRefersToIt) {
  const auto bundle = RetailBundle();
  const CompiledGrant* grant =
      bundle->FindContract("partners/swift-parcel/contracts/parcel")->FindGrant("delivery", "shop.v1.Shipment");
  const LeafSpec& leaf = SwiftLeaf(*bundle, "preferences.alternative_recipient");
  ASSERT_GE(leaf.consent, 0);
  EXPECT_EQ(grant->spec->consents[static_cast<size_t>(leaf.consent)], "category:alternative_recipient");
  EXPECT_LT(SwiftLeaf(*bundle, "recipient.name").consent, 0);
}

// Clause: W1.2b
TEST(CompilerTest, CardNumbersAreLookedForInEveryGrantedText) {
  const auto bundle = RetailBundle();
  EXPECT_EQ(SwiftLeaf(*bundle, "recipient.name").on_card_number, v1::REFUSE);
  EXPECT_EQ(SwiftLeaf(*bundle, "remark").on_card_number, v1::REDACT);
  EXPECT_EQ(SwiftLeaf(*bundle, "handling").on_card_number, v1::REFUSE);
  EXPECT_EQ(SwiftLeaf(*bundle, "parcels.weight_grams").on_card_number, v1::CARD_NUMBER_ACTION_UNSPECIFIED);
}

// Clause: P1.4a
TEST(CompilerTest, SupportNeedsConsentForEverything) {
  BundleSources sources = RetailSources();
  TextSource contract = File(sources, "contracts/nordic-freight.txtpb");
  contract.name = "contracts/desk.txtpb";
  contract.text =
      absl::StrCat(contract.text.substr(0, contract.text.find("grants {")),
                   "grants { purpose: \"support\" record_type: \"shop.v1.SupportCase\" justification: \"repair\"\n"
                   "fields { path: \"case_number\" } fields { path: \"messages.text\" } }\n"
                   "delivery { receive {} max_pending_hours: 48 max_unacknowledged: 64 }\n"
                   "partner_retention { days: 30 starts_on: DISCLOSED }\n"
                   "deletion { locator_path: \"case_number\" due_days: 7 attestation: PARTNER_KEY }\n");
  Edit(contract, "partners/nordic-freight/contracts/domestic", "partners/desk/contracts/repair");
  Edit(contract, "logistics", "support");
  sources.files.push_back(contract);
  const CompileResult result = Compile(sources);
  ASSERT_NE(result.bundle, nullptr) << Text(result.diagnostics);
  const CompiledGrant* grant =
      result.bundle->FindContract("partners/desk/contracts/repair")->FindGrant("support", "shop.v1.SupportCase");
  EXPECT_TRUE(grant->consent_required);
  for (const LeafSpec& leaf : grant->spec->leaves) EXPECT_GE(leaf.consent, 0) << ToDotted(leaf.path);
}

// Clause: P1.1a
TEST(CompilerTest, AFieldThatLosesItsClassificationCanNoLongerBeGranted) {
  BundleSources sources = RetailSources();
  File(sources, "catalogue.txtpb").text = absl::StrReplaceAll(
      File(sources, "catalogue.txtpb").text,
      {{"{ path: \"status\" category: \"payment_result\" }", "{ path: \"card.issuer\" category: \"payment_core\" }"}});
  const CompileResult result = Compile(sources);
  EXPECT_EQ(result.bundle, nullptr);
  EXPECT_THAT(Text(result.diagnostics), HasSubstr("\"status\" is not classified"));
}

TEST(CompilerTest, AnOverlayWinsOverAnOption) {
  BundleSources sources = RetailSources();
  sources.files.push_back(
      {"more.txtpb",
       "# proto-message: postern.v1.Catalogue\n"
       "record_types { type: \"shop.v1.Shipment\" fields { path: \"ready_on\" category: \"age\" } }\n"});
  const CompileResult result = Compile(sources);
  EXPECT_THAT(Text(result.diagnostics),
              HasSubstr("\"ready_on\" is age, which a logistics partner may not have for delivery"));
}

TEST(CompilerTest, AContainedTypeIsClassifiedOnceAndARecordTypeMaySayOtherwise) {
  BundleSources sources = RetailSources();
  sources.files.push_back(
      {"more.txtpb",
       "# proto-message: postern.v1.Catalogue\n"
       "message_types { type: \"shop.v1.Money\" fields { path: \"currency\" category: \"parcel\" } }\n"
       "record_types { type: \"shop.v1.Refund\" fields { path: \"amount.currency\" category: \"age\" } }\n"});
  const CompileResult result = Compile(sources);
  // Money.currency is parcel data now, which payment partners may not have; the contract grants it.
  EXPECT_THAT(Text(result.diagnostics),
              HasSubstr("\"amount.currency\" is parcel, which a payment partner may not have"));
  EXPECT_THAT(Text(result.diagnostics), Not(HasSubstr("amount.minor_units")));
}

// Clause: P1.2a
TEST(CompilerTest, TwoContractsOfAPartnerDoNotGrantTheSameAtOneTime) {
  BundleSources sources = RetailSources();
  TextSource second = File(sources, "contracts/swift-parcel.txtpb");
  second.name = "contracts/swift-parcel-2.txtpb";
  Edit(second, "contracts/parcel", "contracts/parcel-2");
  sources.files.push_back(second);
  EXPECT_THAT(Text(Compile(sources).diagnostics),
              HasSubstr("partners/swift-parcel/contracts/parcel grants delivery of shop.v1.Shipment at the same time"));

  // One after the other is how a contract is renewed.
  TextSource& renewed = File(sources, "contracts/swift-parcel-2.txtpb");
  Edit(renewed, "effective_on: \"2026-01-01\"", "effective_on: \"2029-01-01\"");
  Edit(renewed, "expires_on: \"2028-12-31\"", "expires_on: \"2029-12-31\"");
  Edit(renewed, "expires_on: \"2028-06-30\"", "expires_on: \"2029-06-30\"");
  const CompileResult result = Compile(sources);
  EXPECT_NE(result.bundle, nullptr) << Text(result.diagnostics);
}

TEST(CompilerTest, ContractsOfAPartnerThatHoldAtOneTimeShareTheirChannel) {
  BundleSources sources = RetailSources();
  TextSource second = File(sources, "contracts/swift-parcel.txtpb");
  second.name = "contracts/swift-parcel-2.txtpb";
  Edit(second, "contracts/parcel", "contracts/parcel-2");
  Edit(second, "receive {}", "push { endpoint: \"orders\" timeout_ms: 5000 }");
  sources.files.push_back(second);
  EXPECT_THAT(Text(Compile(sources).diagnostics),
              HasSubstr("partners/swift-parcel/contracts/parcel delivers on another channel"));

  // How many and how long is each contract's own.
  Edit(File(sources, "contracts/swift-parcel.txtpb"), "receive {} max_pending_hours: 72 max_unacknowledged: 256",
       "push { endpoint: \"orders\" timeout_ms: 5000 } max_pending_hours: 24 max_unacknowledged: 8");
  EXPECT_THAT(Text(Compile(sources).diagnostics), Not(HasSubstr("on another channel")));

  // A renewal may change it.
  Edit(File(sources, "contracts/swift-parcel.txtpb"), "push { endpoint: \"orders\" timeout_ms: 5000 }", "receive {}");
  TextSource& renewed = File(sources, "contracts/swift-parcel-2.txtpb");
  Edit(renewed, "effective_on: \"2026-01-01\"", "effective_on: \"2029-01-01\"");
  Edit(renewed, "expires_on: \"2028-12-31\"", "expires_on: \"2029-12-31\"");
  Edit(renewed, "expires_on: \"2028-06-30\"", "expires_on: \"2029-06-30\"");
  const CompileResult result = Compile(sources);
  EXPECT_NE(result.bundle, nullptr) << Text(result.diagnostics);
}

TEST(CompilerTest, AContractIsInABundleOnce) {
  BundleSources sources = RetailSources();
  sources.files.push_back({"copy.txtpb", File(sources, "contracts/swift-parcel.txtpb").text});
  EXPECT_THAT(Text(Compile(sources).diagnostics),
              HasSubstr("partners/swift-parcel/contracts/parcel is in the bundle twice"));
}

TEST(CompilerTest, ABundleHasOnePrivacyPolicy) {
  BundleSources sources = RetailSources();
  const TextSource policy = File(sources, "privacy_policy.txtpb");
  sources.files.push_back({"second.txtpb", policy.text});
  EXPECT_THAT(Text(Compile(sources).diagnostics), HasSubstr("second.txtpb:1:1: error: a second privacy policy"));
  sources.files.clear();
  const CompileResult empty = Compile(sources);
  EXPECT_EQ(empty.bundle, nullptr);
  EXPECT_THAT(Text(empty.diagnostics), HasSubstr("the bundle has no privacy policy"));
}

TEST(CompilerTest, KeepsTheSourceOfAContract) {
  BundleSources sources = RetailSources();
  const auto bundle = RetailBundle();
  const CompiledContract* contract = bundle->FindContract("partners/clear-pay/contracts/payments");
  ASSERT_NE(contract, nullptr);
  EXPECT_EQ(contract->content, File(sources, "contracts/clear-pay.txtpb").text);
  EXPECT_EQ(contract->partner, "partners/clear-pay");
  EXPECT_NE(contract->FindInbound("settlement", "clearpay.v1.AuthorizeResponse"), nullptr);
  EXPECT_EQ(contract->FindGrant("settlement", "shop.v1.Refund"), nullptr);
  EXPECT_EQ(bundle->FindContract("partners/clear-pay"), nullptr);
  EXPECT_TRUE(bundle->HasRecordType("shop.v1.Refund"));
  EXPECT_FALSE(bundle->HasRecordType("shop.v1.Money"));
  EXPECT_NE(bundle->FindMessage("shop.v1.Money"), nullptr);
  EXPECT_EQ(bundle->CategoryOf("shop.v1.Order", "visit.ip_address"), "device_data");
  EXPECT_EQ(bundle->CategoryOf("shop.v1.Order", "visit"), "");
  EXPECT_EQ(bundle->CategoryOf("shop.v1.Odrer", "visit"), "");
}

// Whatever is done to a file, compiling ends with a bundle or with an error, and never with neither.
TEST(CompilerTest, IsTotalOverDamagedFiles) {
  const BundleSources sound = RetailSources();
  uint32_t state = 1;
  const auto next = [&state](size_t limit) {
    state = state * 1664525u + 1013904223u;
    return static_cast<size_t>(state >> 8) % limit;
  };
  for (int round = 0; round < 150; ++round) {
    BundleSources sources = sound;
    std::string& text = sources.files[next(sources.files.size())].text;
    switch (next(3)) {
      case 0:
        text.resize(next(text.size()));
        break;
      case 1:
        text[next(text.size())] = static_cast<char>(next(256));
        break;
      default:
        text.erase(next(text.size() - 20), 1 + next(20));
    }
    const CompileResult result = Compile(sources);
    EXPECT_EQ(result.bundle == nullptr, HasErrors(result.diagnostics)) << round;
  }
}

}  // namespace
}  // namespace postern::policy
