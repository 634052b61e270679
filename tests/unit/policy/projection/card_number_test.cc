#include "policy/projection/card_number.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "policy/projection/iban.h"
#include "policy/projection/phone_number.h"

namespace postern::policy {
namespace {

std::string WithLuhn(std::string digits) {
  for (char last = '0'; last <= '9'; ++last) {
    int sum = 0;
    const std::string whole = digits + last;
    for (size_t i = 0; i < whole.size(); ++i) {
      const int digit = whole[whole.size() - 1 - i] - '0';
      sum += i % 2 == 0 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2;
    }
    if (sum % 10 == 0) return whole;
  }
  return digits;
}

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

// Clause: W1.2b
TEST(CardNumberTest, RatesOnAGeneratedCorpus) {
  std::mt19937 random(7);
  const auto digits = [&](size_t count) {
    std::string out;
    while (out.size() < count) out.push_back(static_cast<char>('0' + random() % 10));
    return out;
  };
  const char* const kPrefixes[] = {"4", "51", "55", "2221", "6011", "65", "3530", "62"};
  const char* const kSeparators[] = {"", " ", "-", ".", "\xc2\xa0"};
  int found = 0, false_alarms = 0;
  constexpr int kTexts = 5000;
  for (int i = 0; i < kTexts; ++i) {
    const std::string prefix = kPrefixes[random() % std::size(kPrefixes)];
    const std::string number = WithLuhn(prefix + digits(15 - prefix.size()));
    const std::string separator = kSeparators[random() % std::size(kSeparators)];
    std::string text = "please leave at door ";
    for (size_t at = 0; at < number.size(); at += 4)
      absl::StrAppend(&text, at == 0 ? "" : separator, number.substr(at, 4));
    found += HasCardNumber(text + " thanks");
    false_alarms += HasCardNumber(absl::StrCat("parcel ", digits(8), ", order ", digits(12), ", call 0", digits(9)));
  }
  RecordProperty("recall_percent", found * 100 / kTexts);
  RecordProperty("false_alarms_of_5000", false_alarms);
  EXPECT_EQ(found, kTexts);
  EXPECT_LT(false_alarms, kTexts / 100);
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
