#include "deploy/demo/canary.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace postern::demo {

// splitmix64: good enough to make canaries look unlike each other.
uint64_t CanaryMaker::Next() {
  uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::string CanaryMaker::Text() {
  constexpr absl::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
  std::string out = "zq";
  uint64_t serial = counter_++;  // four characters of serial number make it unique, eight of noise make it unlike
  for (int i = 0; i < 4; ++i, serial >>= 5) out.push_back(kAlphabet[serial & 31]);
  uint64_t noise = Next();
  for (int i = 0; i < 8; ++i, noise >>= 5) out.push_back(kAlphabet[noise & 31]);
  return out;
}

std::string CanaryMaker::Digits(int count) {
  std::string serial = absl::StrFormat("%07d", counter_++);
  std::string out = "7";
  while (static_cast<int>(out.size() + serial.size()) < count) out.push_back(static_cast<char>('0' + Next() % 10));
  return absl::StrCat(out, serial).substr(0, static_cast<size_t>(count));
}

std::string CanaryMaker::CardNumber() {
  std::string digits = absl::StrFormat("4%07d", counter_++);
  while (digits.size() < 15) digits.push_back(static_cast<char>('0' + Next() % 10));
  int sum = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    int d = digits[digits.size() - 1 - i] - '0';
    if (i % 2 == 0) d = d * 2 > 9 ? d * 2 - 9 : d * 2;
    sum += d;
  }
  digits.push_back(static_cast<char>('0' + (10 - sum % 10) % 10));
  return absl::StrCat(digits.substr(0, 4), " ", digits.substr(4, 4), " ", digits.substr(8, 4), " ", digits.substr(12));
}

std::string CanaryMaker::Iban() {
  std::string account = absl::StrFormat("%07d", counter_++);
  while (account.size() < 18) account.push_back(static_cast<char>('0' + Next() % 10));
  int remainder = 0;  // ISO 7064 mod 97-10 over account, "DE" as 1314 and 00
  for (char c : absl::StrCat(account, "131400")) remainder = (remainder * 10 + (c - '0')) % 97;
  return absl::StrFormat("DE%02d%s", 98 - remainder, account);
}

std::string ToLine(const Planted& planted) {
  return absl::StrCat(planted.canary, "\t", planted.record, "\t", planted.path, "\t",
                      absl::StrJoin(planted.may_see, ","), "\n");
}

}  // namespace postern::demo
