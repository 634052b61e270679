#include "policy/report/diff.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/unit/policy/bundle/bundle_files.h"

namespace postern::policy {
namespace {

std::string Text(const BundleDiff& diff) {
  std::string text = absl::StrCat("policy ", diff.policy_version_before, " -> ", diff.policy_version_after,
                                  diff.widens ? ", widens" : "", "\n");
  for (const FieldChange& c : diff.fields) {
    const char* sign = c.kind == FieldChange::Kind::kAdded ? "+" : c.kind == FieldChange::Kind::kRemoved ? "-" : "~";
    absl::StrAppend(&text, sign, c.widens ? "! " : " ", c.partner, " ", c.purpose, " ", c.record_type,
                    c.inbound ? " inbound " : " ", c.path, " (", c.category, "): ", c.before, " -> ", c.after, "\n");
  }
  for (const TermChange& c : diff.terms) {
    absl::StrAppend(&text, "=", c.widens ? "! " : " ", c.contract, " ", c.term, ": ", c.before, " -> ", c.after, "\n");
  }
  return text;
}

// The retail bundle with texts replaced in every file.
std::shared_ptr<const CompiledBundle> Edited(
    std::initializer_list<std::pair<absl::string_view, absl::string_view>> edits) {
  BundleSources sources = RetailSources();
  for (const auto& [from, to] : edits) {
    bool found = false;
    for (TextSource& file : sources.files) found |= absl::StrReplaceAll({{from, to}}, &file.text) > 0;
    EXPECT_TRUE(found) << from;
  }
  CompileResult result = Compile(sources);
  EXPECT_NE(result.bundle, nullptr) << policy::Text(result.diagnostics);
  return result.bundle;
}

TEST(DiffTest, TheSameBundleDoesNotDiffer) {
  const auto bundle = RetailBundle();
  EXPECT_TRUE(Diff(bundle.get(), *bundle).empty());
  EXPECT_FALSE(Diff(bundle.get(), *bundle).widens);
}

TEST(DiffTest, TheFirstBundleAddsEverything) {
  const auto bundle = RetailBundle();
  const BundleDiff diff = Diff(nullptr, *bundle);
  EXPECT_TRUE(diff.widens);
  EXPECT_TRUE(std::all_of(diff.fields.begin(), diff.fields.end(),
                          [](const FieldChange& c) { return c.kind == FieldChange::Kind::kAdded; }));
}

TEST(DiffTest, TellsFieldByField) {
  const auto before = RetailBundle();
  const auto after = Edited({{"fields { path: \"recipient.phone\" mask { keep_last: 4 } }",
                              "fields { path: \"recipient.phone\" mask { keep_last: 6 } }"},
                             {"  fields { path: \"pickup_shop_id\" }\n", ""},
                             {"fields { path: \"ready_on\" generalise { date: MONTH } }",
                              "fields { path: \"ready_on\" } fields { path: \"sender.name\" }"},
                             {"days: 60 starts_on: DELIVERED", "days: 61 starts_on: DELIVERED"},
                             {"version: \"2026-01\"", "version: \"2026-02\""}});
  ExpectGolden("retail/diff.expected", Text(Diff(before.get(), *after)));
}

struct Widening {
  const char* name;
  std::pair<const char*, const char*> edit;
  bool widens;
};

class DiffWidensTest : public testing::TestWithParam<Widening> {};

TEST_P(DiffWidensTest, SaysWhetherAnybodyGetsMore) {
  const auto before = RetailBundle();
  const auto after = Edited({{GetParam().edit.first, GetParam().edit.second}});
  const BundleDiff there = Diff(before.get(), *after);
  EXPECT_FALSE(there.empty());
  EXPECT_EQ(there.widens, GetParam().widens) << Text(there);
  // The way back of a change that does not widen does.
  if (!GetParam().widens) EXPECT_TRUE(Diff(after.get(), *before).widens) << Text(Diff(after.get(), *before));
}

INSTANTIATE_TEST_SUITE_P(
    Changes, DiffWidensTest,
    testing::Values(
        Widening{"a_field_more",
                 {"fields { path: \"handling\" }", "fields { path: \"handling\" } fields { path: \"ready_on\" }"},
                 true},
        Widening{"a_field_less", {"fields { path: \"handling\" }", ""}, false},
        Widening{"a_condition_less", {"when { path: \"locker_id\" present: false }", ""}, true},
        Widening{"a_condition_more",
                 {"fields { path: \"handling\" }",
                  "fields { path: \"handling\" when { path: \"locker_id\" present: false } }"},
                 false},
        Widening{"a_transform_less", {"truncate { max_code_points: 60 }", ""}, true},
        Widening{"another_transform", {"truncate { max_code_points: 60 }", "truncate { max_code_points: 50 }"}, true},
        Widening{"minors_unprotected", {"  withheld_categories: \"daily_track\"\n", ""}, true},
        Widening{"consent_dropped",
                 {"consents { category: \"alternative_recipient\" clauses: \"W2b\" clauses: \"W4d\" }", ""},
                 true},
        Widening{"imposed_condition_dropped",
                 {"imposed_conditions { categories: \"customs\" clauses: \"W4b\" cross_border {} }", ""},
                 true},
        Widening{"card_numbers_redacted", {"structured: REFUSE", "structured: REDACT"}, true},
        Widening{"a_longer_contract", {"expires_on: \"2028-12-31\"", "expires_on: \"2029-12-31\""}, true},
        Widening{"another_endpoint", {"endpoint: \"authorize\"", "endpoint: \"other\""}, true},
        Widening{"an_exemption_less",
                 {"exemptions { categories: \"customs\" ground: \"customs law\" max_days: 3650 }", ""},
                 false}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(DiffTest, ARemovedContractTakesItsFieldsAway) {
  const auto before = RetailBundle();
  BundleSources sources = RetailSources();
  sources.files.erase(std::remove_if(sources.files.begin(), sources.files.end(),
                                     [](const TextSource& f) { return f.name == "contracts/clear-pay.txtpb"; }),
                      sources.files.end());
  const auto after = Compile(sources).bundle;
  ASSERT_NE(after, nullptr);
  const BundleDiff diff = Diff(before.get(), *after);
  EXPECT_FALSE(diff.widens);
  EXPECT_TRUE(std::all_of(diff.fields.begin(), diff.fields.end(),
                          [](const FieldChange& c) { return c.kind == FieldChange::Kind::kRemoved; }));
  ASSERT_EQ(diff.terms.size(), 1u);
  EXPECT_EQ(diff.terms[0].contract, "partners/clear-pay/contracts/payments");
}

}  // namespace
}  // namespace postern::policy
