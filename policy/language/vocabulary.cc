#include "policy/language/vocabulary.h"

#include <algorithm>

#include "policy/language/policy_checks.h"
#include "policy/language/suggestion.h"

namespace postern::policy {
namespace {

template <typename Container>
bool Contains(const Container& ids, absl::string_view id) {
  return std::any_of(ids.begin(), ids.end(), [id](const std::string& other) { return id == other; });
}

template <typename Map>
std::vector<std::string> Keys(const Map& map) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  return keys;
}

template <typename Map>
auto Find(const Map& map, absl::string_view key) -> typename Map::mapped_type {
  auto it = map.find(std::string(key));
  return it == map.end() ? nullptr : it->second;
}

}  // namespace

const std::vector<std::string>& PartnerKinds() {
  static const auto& kinds = *new std::vector<std::string>{"logistics", "payment", "support"};
  return kinds;
}

std::unique_ptr<const Vocabulary> Vocabulary::Build(const ParsedFile<v1::PrivacyPolicy>& file, DiagnosticSink& sink) {
  auto vocabulary = std::unique_ptr<Vocabulary>(new Vocabulary());
  vocabulary->policy_ = file.message;
  for (const auto& category : vocabulary->policy_.categories()) {
    vocabulary->categories_.emplace(category.id(), &category);
  }
  for (const auto& purpose : vocabulary->policy_.purposes()) vocabulary->purposes_.emplace(purpose.id(), &purpose);
  CheckPrivacyPolicy(*vocabulary, file.root(), sink);
  return vocabulary;
}

const v1::DataCategory* Vocabulary::Category(absl::string_view id) const {
  return Find(categories_, id);
}

const v1::Purpose* Vocabulary::FindPurpose(absl::string_view id) const {
  return Find(purposes_, id);
}

const v1::Ceiling* Vocabulary::FindCeiling(absl::string_view partner_kind, absl::string_view purpose) const {
  for (const auto& ceiling : policy_.ceilings()) {
    if (partner_kind == ceiling.partner_kind() && purpose == ceiling.purpose()) return &ceiling;
  }
  return nullptr;
}

const v1::CeilingCategory* Vocabulary::Under(const v1::Ceiling& ceiling, absl::string_view category) {
  for (const auto& allowed : ceiling.categories()) {
    if (category == allowed.id()) return &allowed;
  }
  return nullptr;
}

bool Vocabulary::MayComeBack(const v1::Ceiling& ceiling, absl::string_view category) {
  return Contains(ceiling.inbound_categories(), category);
}

bool Vocabulary::WithheldFromMinors(absl::string_view category) const {
  return Contains(policy_.minors().withheld_categories(), category);
}

const v1::ConsentRule* Vocabulary::CategoryConsent(absl::string_view category) const {
  for (const auto& rule : policy_.consents()) {
    if (!rule.category().empty() && category == rule.category()) return &rule;
  }
  return nullptr;
}

const v1::ConsentRule* Vocabulary::PurposeConsent(absl::string_view purpose) const {
  for (const auto& rule : policy_.consents()) {
    if (!rule.purpose().empty() && purpose == rule.purpose()) return &rule;
  }
  return nullptr;
}

bool Vocabulary::ConsentRequired(const v1::Ceiling& ceiling) const {
  return ceiling.consent_required() || PurposeConsent(ceiling.purpose()) != nullptr;
}

std::vector<const v1::ImposedCondition*> Vocabulary::ImposedOn(absl::string_view category) const {
  std::vector<const v1::ImposedCondition*> imposed;
  for (const auto& condition : policy_.imposed_conditions()) {
    if (Contains(condition.categories(), category)) imposed.push_back(&condition);
  }
  return imposed;
}

const v1::RetentionRule* Vocabulary::Retention(absl::string_view category) const {
  for (const auto& rule : policy_.retentions()) {
    if (Contains(rule.categories(), category)) return &rule;
  }
  return nullptr;
}

std::string Vocabulary::NearestCategory(absl::string_view id) const {
  return DidYouMean(id, Keys(categories_));
}

std::string Vocabulary::NearestPurpose(absl::string_view id) const {
  return DidYouMean(id, Keys(purposes_));
}

}  // namespace postern::policy
