#include "policy/projection/card_number.h"

#include <string>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "policy/projection/iban.h"
#include "policy/projection/phone_number.h"

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
