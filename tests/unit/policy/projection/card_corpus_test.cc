// Recall and precision of the card-number detector on a generated corpus. The rates are in the output.
#include "tests/unit/policy/projection/card_corpus.h"

#include <cstdio>
#include <map>

#include <gtest/gtest.h>

#include "policy/projection/card_number.h"
#include "policy/projection/redact.h"

namespace postern::policy::testing {
namespace {

constexpr int kTexts = 2000;

// How many texts of a kind the detector says hold a card number.
int CountFound(const CardCorpus::Kind& kind) {
  int found = 0;
  for (int i = 0; i < kTexts; ++i) found += HasCardNumber(kind.make());
  std::printf("  %-28s %5.2f %%\n", kind.name.c_str(), 100.0 * found / kTexts);
  return found;
}

// Clause: W1.2b
TEST(CardCorpusTest, RecallIsCompleteForEveryIssuerAndForm) {
  CardCorpus corpus(7);
  std::printf("card numbers found, of %d each:\n", kTexts);
  int found = 0, all = 0;
  for (const CardCorpus::Kind& kind : corpus.Cards()) {
    const int of_kind = CountFound(kind);
    EXPECT_EQ(of_kind, kTexts) << kind.name;
    found += of_kind;
    all += kTexts;
  }
  std::printf("recall %.3f %% of %d\n", 100.0 * found / all, all);
}

// What people write in remarks and what order systems put into fields must pass. A number of 13 to 19 digits in one
// piece that carries no check of its own passes the Luhn test one time in ten, so that a tenth of those that begin like
// an issuer's is the floor of any detector.
TEST(CardCorpusTest, FalseAlarmsStayBelowTheirFloor) {
  CardCorpus corpus(11);
  const std::map<std::string, double> kAllowed = {
      // Bare numbers of 13 to 19 digits.
      {"EAN-13", 0.03},
      {"tracking 14", 0.01},
      {"order number, 16 digits", 0.05},
      {"16 digits starting with 4", 0.14},
      // More than 13 digits, once what follows is taken for the last group.
      {"phone +CC, then a number", 0.03},
  };
  std::printf("false alarms, of %d each:\n", kTexts);
  int alarms = 0, all = 0;
  for (const CardCorpus::Kind& kind : corpus.OtherNumbers()) {
    const int of_kind = CountFound(kind);
    const auto allowed = kAllowed.find(kind.name);
    EXPECT_LE(of_kind, allowed == kAllowed.end() ? 0 : allowed->second * kTexts) << kind.name;
    alarms += of_kind;
    all += kTexts;
  }
  // Precision depends on how much of the traffic holds card numbers: here, on as many texts with as without.
  std::printf("false alarms %.3f %% of %d; precision %.2f %% where half of the texts hold a card number\n",
              100.0 * alarms / all, all, 100.0 * all / (all + alarms));
  EXPECT_LT(alarms, all / 50);
}

// Clause: W1.2b
TEST(CardCorpusTest, RedactedTextsHoldNoCardNumber) {
  CardCorpus corpus(13);
  for (const CardCorpus::Kind& kind : corpus.Cards()) {
    for (int i = 0; i < 200; ++i) {
      std::string redacted;
      const std::string text = kind.make();
      EXPECT_TRUE(AppendWithoutCardNumbers(text, &redacted)) << text;
      EXPECT_FALSE(HasCardNumber(redacted)) << text << " -> " << redacted;
    }
  }
}

}  // namespace
}  // namespace postern::policy::testing
