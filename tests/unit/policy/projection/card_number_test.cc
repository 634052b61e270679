#include "policy/projection/card_number.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "policy/projection/digits.h"
#include "policy/projection/iban.h"
#include "policy/projection/phone_number.h"
#include "tests/unit/policy/projection/card_corpus.h"

namespace postern::policy {
namespace {

// Clause: W1.2b
TEST(CardNumberTest, FindsTheNetworksTestNumbers) {
  for (const char* number :
       {"4111111111111111", "4012888888881881", "5555555555554444", "2223003122003222", "378282246310005",
        "30569309025904", "6011111111111117", "3530111333300000", "6200000000000005", "4222222222222"}) {
    EXPECT_TRUE(HasCardNumber(number)) << number;
    EXPECT_TRUE(HasCardNumber(absl::StrCat("my card:", number, "."))) << number;
  }
}

// Clause: W1.2b
TEST(CardNumberTest, FindsNumbersInGroupsAndOtherDigits) {
  EXPECT_TRUE(HasCardNumber("4111 1111 1111 1111"));
  EXPECT_TRUE(HasCardNumber("4111-1111-1111-1111"));
  EXPECT_TRUE(HasCardNumber("4111 - 1111 - 1111 - 1111"));
  EXPECT_TRUE(HasCardNumber("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"));
  EXPECT_TRUE(HasCardNumber("2x 4111 1111 1111 1111 123"));
  EXPECT_TRUE(
      HasCardNumber("41111111\xe2\x80\x8b"
                    "11111111"));  // zero-width space
  std::string wide, arabic;
  for (const char digit : std::string("4111111111111111")) {
    absl::StrAppend(&wide, "\xef\xbc", std::string(1, static_cast<char>(0x90 + digit - '0')));
    absl::StrAppend(&arabic, "\xd9", std::string(1, static_cast<char>(0xa0 + digit - '0')));
  }
  EXPECT_TRUE(HasCardNumber(wide));
  EXPECT_TRUE(HasCardNumber(arabic));
}

TEST(CardNumberTest, LeavesOtherNumbersAlone) {
  EXPECT_FALSE(HasCardNumber("4111111111111112"));         // Luhn
  EXPECT_FALSE(HasCardNumber("9111111111111111"));         // no issuer
  EXPECT_FALSE(HasCardNumber("41111111111111110000000"));  // too long
  EXPECT_FALSE(HasCardNumber("411111"));
  EXPECT_FALSE(HasCardNumber("2026-06-15 12:30:00, 8001 Zurich, +41 44 668 18 00"));
  EXPECT_FALSE(HasCardNumber(""));
}

// 13 digits that pass for a historic Visa or a Maestro number.
TEST(CardNumberTest, ThirteenDigitsBehindAPlusAreATelephoneNumber) {
  EXPECT_TRUE(HasCardNumber("4222222222222"));
  EXPECT_FALSE(HasCardNumber("+4222222222222"));
  EXPECT_FALSE(HasCardNumber("call +42 222 222 222 22 after five"));
  EXPECT_FALSE(
      HasCardNumber("\xef\xbc\x8b"
                    "4222222222222"));  // full-width plus
  EXPECT_FALSE(
      HasCardNumber("\xef\xb9\xa2"
                    "4222222222222"));  // small plus
  EXPECT_TRUE(HasCardNumber("1+ 4222222222222"));
  EXPECT_TRUE(HasCardNumber("+4111111111111111"));  // 16 digits
  EXPECT_TRUE(HasCardNumber("+378282246310005"));   // 15 digits
  EXPECT_TRUE(HasCardNumber("+1 4222222222222"));   // a group of its own
  EXPECT_TRUE(HasCardNumber("+4222222222222 4222222222222"));
}

TEST(CardNumberTest, AnIbanIsNone) {
  // Its digits from "4" on are 16 and pass the Luhn test.
  EXPECT_TRUE(HasCardNumber("4111 1111 1111 1111"));
  EXPECT_FALSE(HasCardNumber("DE89 3704 0044 0532 0130 00"));
  EXPECT_TRUE(HasCardNumber("DE89 3704 0044 0532 0130 00, 4111 1111 1111 1111"));
  EXPECT_TRUE(HasCardNumber("4111 1111 1111 1111 DE89 3704 0044 0532 0130 00"));
}

// What begins like a number and passes the test by chance must not hide the real one behind it.
TEST(CardNumberTest, OverlappingFindingsAreOneRange) {
  size_t begin = 0, end = 0;
  int count = 0;
  const std::string text = "6011 0009 9013 9424 4111 1111 1111 1111 x";
  FindCardNumbers(text, [&](size_t from, size_t to) { begin = count++ == 0 ? from : begin, end = to; });
  EXPECT_EQ(begin, 0u);
  EXPECT_EQ(end, text.size() - 2);
}

bool HasIban(absl::string_view text) {
  bool has = false;
  FindIbans(text, [&](size_t, size_t) { has = true; });
  return has;
}

TEST(IbanTest, ChecksCountryLengthAndDigits) {
  EXPECT_TRUE(HasIban("DE89 3704 0044 0532 0130 00"));
  EXPECT_TRUE(HasIban("to GB29NWBK60161331926819 please"));
  EXPECT_TRUE(HasIban("ch9300762011623852957"));
  EXPECT_TRUE(HasIban("NO93 8601 1117 947"));
  EXPECT_FALSE(HasIban("DE88 3704 0044 0532 0130 00"));
  EXPECT_FALSE(HasIban("ZZ89370400440532013000"));
  EXPECT_FALSE(HasIban("XDE89370400440532013000"));
  EXPECT_FALSE(HasIban("NOLZ11111111111"));  // letters for check digits, though they hold
  EXPECT_FALSE(HasIban("DE893704004405320130000"));
  EXPECT_FALSE(HasIban("D E89370400440532013000"));
  EXPECT_FALSE(HasIban("DE89  370400440532013000"));
  EXPECT_TRUE(
      HasIban("\xff"
              "DE89.3704-0044\u00a00532\u200b0130_00\xff"));
  EXPECT_TRUE(HasIban("ＤＥ８９３７０４００４４０５３２０１３０００"));
}

TEST(IbanTest, FindsEveryNumberOfAText) {
  const std::string german = "DE89 3704 0044 0532 0130 00", norwegian = "NO9386011117947";
  const std::string text = absl::StrCat("de ", german, norwegian, " ", norwegian, ",", german, " DE");
  std::vector<absl::string_view> found;
  FindIbans(text,
            [&](size_t begin, size_t end) { found.push_back(absl::string_view(text).substr(begin, end - begin)); });
  EXPECT_EQ(found, (std::vector<absl::string_view>{norwegian, german}));  // the first has letters directly behind it
}

TEST(DigitsTest, NoDigitIsOverlooked) {
  int scripts = 0;
  for (uint32_t code_point = 0; code_point <= 0x10ffff; ++code_point) {
    if (DigitValue(code_point) != 0) continue;
    ++scripts;
    std::string digit;
    for (uint32_t value = code_point; value < code_point + 10; ++value) {
      digit = testing::Utf8(value);
      for (const size_t around : {0, 7, 31, 32, 40}) {
        const std::string letters(around, 'x');
        EXPECT_TRUE(MayHoldDigits(absl::StrCat(letters, digit, letters, digit), 2)) << value;
      }
    }
  }
  EXPECT_EQ(scripts, 68);
}

TEST(DigitsTest, TextWithoutDigitsIsKnownAtOnce) {
  for (const char* text : {"", "Straße der Pariser Kommune", "神奈川県横浜市西区みなとみらい", "Ηρακλείου Αττικής",
                           "улица Льва Толстого, дом 16", "1 2 3 4 5"}) {
    EXPECT_FALSE(MayHoldDigits(text, 6)) << text;
  }
}

TEST(PhoneNumberTest, TellsNumbersFromDatesAndCounts) {
  for (const char* number : {"+41 44 668 18 00", "0041446681800", "044 668 18 00", "(650) 253-0000", "650-253-0000",
                             "13800138000", "555-0100"}) {
    EXPECT_TRUE(IsPhoneNumber(number)) << number;
  }
  for (const char* other : {"2026-06-15", "15.06.2026", "123456", "12345678"})
    EXPECT_FALSE(IsPhoneNumber(other)) << other;
}

}  // namespace
}  // namespace postern::policy
