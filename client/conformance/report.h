// What a partner's integration does right and wrong.
#pragma once

#include <string>
#include <vector>

namespace postern::client::conformance {

struct Check {
  enum class Verdict { kRight, kWrong, kNotLookedAt };
  std::string what;  // a short token: "delivery.acknowledged"
  Verdict verdict = Verdict::kNotLookedAt;
  std::string detail;  // what was seen; empty where there is nothing to say
};

// Not thread-safe.
class Report {
 public:
  void Right(std::string what, std::string detail = "");
  void Wrong(std::string what, std::string detail);
  void NotLookedAt(std::string what, std::string why);
  // Right, or wrong with `detail`.
  void Add(std::string what, bool right, std::string detail);

  const std::vector<Check>& checks() const { return checks_; }
  // How many are wrong.
  int wrong() const;
  // Null if there was none of that name.
  const Check* Find(const std::string& what) const;
  std::string ToJson() const;

 private:
  std::vector<Check> checks_;
};

// "right", "wrong", "not looked at".
const char* NameOf(Check::Verdict verdict);

}  // namespace postern::client::conformance
