#include "client/conformance/report.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace postern::client::conformance {
namespace {

// Only our own words are printed, but a partner's message may be among them.
std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppend(&quoted, "\\u", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad4));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

}  // namespace

void Report::Right(std::string what, std::string detail) {
  checks_.push_back({std::move(what), Check::Verdict::kRight, std::move(detail)});
}

void Report::Wrong(std::string what, std::string detail) {
  checks_.push_back({std::move(what), Check::Verdict::kWrong, std::move(detail)});
}

void Report::NotLookedAt(std::string what, std::string why) {
  checks_.push_back({std::move(what), Check::Verdict::kNotLookedAt, std::move(why)});
}

void Report::Add(std::string what, bool right, std::string detail) {
  if (right) return Right(std::move(what));
  Wrong(std::move(what), std::move(detail));
}

int Report::wrong() const {
  return static_cast<int>(std::count_if(checks_.begin(), checks_.end(),
                                        [](const Check& check) { return check.verdict == Check::Verdict::kWrong; }));
}

const Check* Report::Find(const std::string& what) const {
  const auto found =
      std::find_if(checks_.begin(), checks_.end(), [&what](const Check& check) { return check.what == what; });
  return found == checks_.end() ? nullptr : &*found;
}

std::string Report::ToJson() const {
  std::string json = absl::StrCat("{\"wrong\":", wrong(), ",\"checks\":[");
  const char* separator = "";
  for (const Check& check : checks_) {
    absl::StrAppend(&json, separator, "{\"check\":", Quoted(check.what), ",\"verdict\":", Quoted(NameOf(check.verdict)),
                    ",\"detail\":", Quoted(check.detail), "}");
    separator = ",";
  }
  return json + "]}\n";
}

const char* NameOf(Check::Verdict verdict) {
  switch (verdict) {
    case Check::Verdict::kRight:
      return "right";
    case Check::Verdict::kWrong:
      return "wrong";
    case Check::Verdict::kNotLookedAt:
      break;
  }
  return "not looked at";
}

}  // namespace postern::client::conformance
