// A generated corpus for the card-number detector: numbers that it must find and numbers that it should leave alone, in
// the forms that people and systems write them. Deterministic.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace postern::policy::testing {

class CardCorpus {
 public:
  explicit CardCorpus(uint32_t seed) : random_(seed) {}

  // One kind of text, and how to make one.
  struct Kind {
    std::string name;
    std::function<std::string()> make;
  };
  // One kind for each range of an issuer, in ASCII and in one piece, and one for each way of writing.
  std::vector<Kind> Cards();
  std::vector<Kind> OtherNumbers();

 private:
  size_t Below(size_t limit) { return random_() % limit; }
  std::string Digits(size_t count);
  std::string Number(int64_t from, int64_t to, size_t width);
  // A number of any issuer, 16 digits or 15.
  std::string AnyCard();
  std::string Grouped(const std::string& digits, size_t group, const std::string& separator);
  std::string Iban();
  std::string InText(const std::string& number);
  std::string AmongNumbers(const std::string& number);

  std::mt19937 random_;
};

// A code point as UTF-8.
std::string Utf8(uint32_t code_point);

// The remainder that the check digits of an IBAN are made from: characters count as digits, letters as two (ISO/IEC
// 7064 MOD 97-10).
uint32_t Modulo97(const std::string& characters);

// `digits` with the check digit that makes it pass the Luhn test.
std::string WithLuhn(const std::string& digits);

}  // namespace postern::policy::testing
