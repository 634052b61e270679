#include "policy/projection/redact.h"

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "policy/projection/card_number.h"
#include "policy/projection/digits.h"
#include "policy/projection/iban.h"
#include "policy/projection/phone_number.h"

namespace postern::policy {
namespace {

constexpr char kCard[] = "[card]";

// Letters and digits of any script, as internationalised addresses (RFC 6531) allow; the full-width at sign is what an
// input method types.
constexpr char kEmail[] = R"([\pL\pM\pN.!#$%&'*+/=?^_`{|}~-]+[@＠][\pL\pM\pN-]+(?:[.。．][\pL\pM\pN-]+)+)";

bool HasAtSign(absl::string_view text) {
  return absl::StrContains(text, '@') || absl::StrContains(text, "＠");
}

struct Finding {
  size_t begin, end;
  absl::string_view replacement;
};

void FindMatches(const RE2& pattern, absl::string_view text, absl::string_view replacement,
                 bool (*accept)(absl::string_view), std::vector<Finding>* findings) {
  const re2::StringPiece input(text.data(), text.size());
  re2::StringPiece match;
  for (size_t at = 0; pattern.Match(input, at, text.size(), RE2::UNANCHORED, &match, 1);) {
    const size_t begin = static_cast<size_t>(match.data() - text.data());
    if (accept == nullptr || accept(text.substr(begin, match.size()))) {
      findings->push_back({begin, begin + match.size(), replacement});
    }
    at = begin + match.size();
  }
}

void AppendReplaced(absl::string_view text, std::vector<Finding>* findings, std::string* out) {
  std::stable_sort(findings->begin(), findings->end(),
                   [](const Finding& a, const Finding& b) { return a.begin < b.begin; });
  size_t at = 0;
  for (const Finding& finding : *findings) {
    if (finding.begin >= at) {
      out->append(text.data() + at, finding.begin - at);
      out->append(finding.replacement.data(), finding.replacement.size());
    }
    at = std::max(at, finding.end);
  }
  out->append(text.data() + at, text.size() - at);
}

}  // namespace

const RE2& LatePattern::Get() const {
  absl::call_once(once_, [this] { compiled_ = std::make_unique<const RE2>(pattern_, RE2::Quiet); });
  return *compiled_;
}

Redactor::Redactor(const v1::Redact& spec) {
  for (const int detector : spec.detectors()) {
    switch (detector) {
      case v1::Redact::CARD_NUMBER:
        card_number_ = true;
        break;
      case v1::Redact::IBAN:
        iban_ = true;
        break;
      case v1::Redact::EMAIL:
        email_ = std::make_unique<const LatePattern>(kEmail);
        break;
      case v1::Redact::PHONE:
        phone_ = std::make_unique<const LatePattern>(kPhoneCandidate);
        break;
      default:
        break;
    }
  }
}

void Redactor::Append(absl::string_view text, std::string* out) const {
  std::vector<Finding> findings;
  const auto add = [&findings](absl::string_view replacement) {
    return [&findings, replacement](size_t begin, size_t end) { findings.push_back({begin, end, replacement}); };
  };
  if (card_number_) FindCardNumbers(text, add(kCard));
  if (iban_) FindIbans(text, add("[iban]"));
  if (email_ && HasAtSign(text)) FindMatches(email_->Get(), text, "[email]", nullptr, &findings);
  if (phone_ && MayHoldDigits(text, kPhoneCandidateDigits))
    FindMatches(phone_->Get(), text, "[phone]", &IsPhoneNumber, &findings);
  AppendReplaced(text, &findings, out);
}

bool AppendWithoutCardNumbers(absl::string_view text, std::string* out) {
  size_t at = 0;
  FindCardNumbers(text, [&](size_t begin, size_t end) {
    out->append(text.data() + at, begin - at);
    out->append(kCard);
    at = end;
  });
  out->append(text.data() + at, text.size() - at);
  return at > 0;
}

}  // namespace postern::policy
