// Canaries: unique strings planted in every personal field, so that a plain byte search over files tells whether a
// field got there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace postern::demo {

// One planted value.
struct Planted {
  std::string canary;
  std::string record;                // reference of the record it is in
  std::string path;                  // field
  std::vector<std::string> may_see;  // partner ids that the contracts let see it as it is; empty: nobody
};

// Makes canaries that no other field of the run has. Not thread-safe.
class CanaryMaker {
 public:
  // `run` makes the canaries of two runs differ.
  explicit CanaryMaker(uint64_t run) : state_(run * 0x9e3779b97f4a7c15u + 1) {}

  std::string Text();             // 14 lower-case letters and digits that begin with "zq"
  std::string Digits(int count);  // begins with 7, so that it is no card number's beginning
  std::string CardNumber();       // 16 digits in groups of four, with a valid check digit and issuer prefix
  std::string Iban();             // German, with valid check digits

 private:
  uint64_t Next();
  uint64_t state_;
  uint64_t counter_ = 0;
};

// One line: canary, record, path and the partners that may see it, separated by tabs.
std::string ToLine(const Planted& planted);

}  // namespace postern::demo
