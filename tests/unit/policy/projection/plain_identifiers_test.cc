#include "policy/projection/plain_identifiers.h"

#include <string>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "policy/projection/digits.h"
#include "tests/unit/policy/projection/card_corpus.h"

namespace postern::policy::testing {
namespace {

TEST(PlainIdentifiersTest, BothSidesKnowTheSameDigits) {
  int digits = 0;
  for (uint32_t point = 0; point <= 0x110000; ++point) {
    ASSERT_EQ(DecimalValue(point), DigitValue(point)) << point;
    digits += DecimalValue(point) >= 0;
  }
  EXPECT_EQ(digits, 680);
}

TEST(PlainIdentifiersTest, CountsDigitsOfEveryScript) {
  EXPECT_EQ(CountDigits("a1٢３𝟜"), 4u);
  EXPECT_EQ(CountDigits("\xd9\x31\xf0\x9d\x9f"), 1u) << "what is no UTF-8 is no digit";
  EXPECT_EQ(CountDigits("\xc0\xb1\xed\xa0\x80"), 0u) << "overlong, and a surrogate";
}

TEST(PlainIdentifiersTest, FindsWholeGroups) {
  EXPECT_TRUE(HasPlainCardNumber("4111111111111111"));
  EXPECT_TRUE(HasPlainCardNumber("pay: 4111-1111 1111-1111!"));
  EXPECT_TRUE(HasPlainCardNumber("8 4111 1111 1111 1111 9")) << "among other groups";
  EXPECT_TRUE(HasPlainCardNumber("４111 ١١١١ 1111 1111"));
  EXPECT_TRUE(HasPlainCardNumber("378282246310005中"));
  EXPECT_FALSE(HasPlainCardNumber("4111111111111112")) << "check digit";
  EXPECT_FALSE(HasPlainCardNumber("94111111111111111")) << "a longer group";
  EXPECT_FALSE(HasPlainCardNumber("4111111111111111٤")) << "a longer group, of two scripts";
  EXPECT_FALSE(HasPlainCardNumber("4111 1111 1111  1111")) << "two separators are for the projector";
}

TEST(PlainIdentifiersTest, LeavesOutWhatMayBeAnIban) {
  const std::string card = "4111 1111 1111 1111";
  const uint32_t check = 98 - Modulo97("4111111111111111XX00");
  EXPECT_FALSE(HasPlainCardNumber(absl::StrCat("XX", check, " ", card))) << "of any country";
  EXPECT_TRUE(HasPlainCardNumber(absl::StrCat("XX", check + 1, " ", card))) << "with other check digits";
  EXPECT_TRUE(HasPlainCardNumber(absl::StrCat("XX", check, ": ", card))) << "two characters part it";
  EXPECT_FALSE(HasPlainCardNumber("DE89 3704 0044 0532 0130 00"));
  EXPECT_TRUE(HasPlainCardNumber("DE89 3704 0044 0532 0130 00, 378282246310005"));
}

TEST(PlainIdentifiersTest, FindsAddresses) {
  EXPECT_TRUE(HasPlainEmail("to anna@example.ch, please"));
  EXPECT_TRUE(HasPlainEmail("@ a.@b-1.c"));
  EXPECT_FALSE(HasPlainEmail("meet @ noon. [email]@b.c"));
  EXPECT_FALSE(HasPlainEmail("a@b"));
  EXPECT_FALSE(HasPlainEmail("a@b."));
}

}  // namespace
}  // namespace postern::policy::testing
