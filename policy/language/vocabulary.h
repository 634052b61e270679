// The second layer, checked and indexed: categories, purposes and what a kind of partner may ever have.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "policy/language/diagnostic.h"
#include "policy/language/source_text.h"
#include "proto/postern/v1/privacy_policy.pb.h"

namespace postern::policy {

// The kinds of partners; never a fourth (P1.4a).
const std::vector<std::string>& PartnerKinds();

// Immutable; thread-safe. Pointers that it gives stay valid as long as it does. Lookups give null for what is not
// there.
class Vocabulary {
 public:
  // Checks the policy and indexes it, as far as it is sound; errors go to `sink`.
  static std::unique_ptr<const Vocabulary> Build(const ParsedFile<v1::PrivacyPolicy>& file, DiagnosticSink& sink);

  const v1::PrivacyPolicy& policy() const { return policy_; }
  const v1::DataCategory* Category(absl::string_view id) const;
  const v1::Purpose* FindPurpose(absl::string_view id) const;
  const v1::Ceiling* FindCeiling(absl::string_view partner_kind, absl::string_view purpose) const;
  static const v1::CeilingCategory* Under(const v1::Ceiling& ceiling, absl::string_view category);
  static bool MayComeBack(const v1::Ceiling& ceiling, absl::string_view category);
  bool WithheldFromMinors(absl::string_view category) const;
  // The rule that closes a category, or a purpose, until the subject consents.
  const v1::ConsentRule* CategoryConsent(absl::string_view category) const;
  const v1::ConsentRule* PurposeConsent(absl::string_view purpose) const;
  // True if a whole disclosure under this ceiling needs consent, by the ceiling or by a rule on its purpose.
  bool ConsentRequired(const v1::Ceiling& ceiling) const;
  std::vector<const v1::ImposedCondition*> ImposedOn(absl::string_view category) const;
  const v1::RetentionRule* Retention(absl::string_view category) const;

  // A "did you mean" for an id that is not there.
  std::string NearestCategory(absl::string_view id) const;
  std::string NearestPurpose(absl::string_view id) const;

 private:
  Vocabulary() = default;

  v1::PrivacyPolicy policy_;
  std::map<std::string, const v1::DataCategory*, std::less<>> categories_;
  std::map<std::string, const v1::Purpose*, std::less<>> purposes_;
};

// Clause ids in one string: "W1.1, W4b".
template <typename Message>
std::string ClausesOf(const Message& message) {
  std::string out;
  for (const std::string& clause : message.clauses()) out += (out.empty() ? "" : ", ") + clause;
  return out;
}

}  // namespace postern::policy
