// Random texts of what the detectors look for, and of what is nearly that: card numbers, IBANs, telephone numbers,
// e-mail addresses, dates, and replacements that stand there already; in one script or several, in groups or not, run
// together or parted by anything.
#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace postern::policy::testing {

class RandomText {
 public:
  explicit RandomText(uint64_t seed) : random_(seed) {}
  // Valid UTF-8, up to some hundred characters.
  std::string Make();

 private:
  size_t Below(size_t limit) { return random_() % limit; }
  bool Chance(size_t percent) { return Below(100) < percent; }
  template <typename T, size_t N>
  const T& OneOf(const T (&all)[N]) {
    return all[Below(N)];
  }

  std::string Piece();
  std::string Digits(size_t count);
  std::string Card();
  std::string Iban();
  std::string Phone();
  std::string Email();
  // Digits and letters as somebody may have typed them: scripts, widths, cases, groups.
  std::string Written(const std::string& characters);
  std::string Separator();

  std::mt19937_64 random_;
};

}  // namespace postern::policy::testing
