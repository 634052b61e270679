#include "policy/language/policy_checks.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "policy/language/suggestion.h"
#include "policy/language/values.h"
#include "policy/projection/date_value.h"

namespace postern::policy {
namespace {

using Policy = v1::PrivacyPolicy;

class Checker {
 public:
  Checker(const Vocabulary& vocabulary, const SourceNode& node, DiagnosticSink& sink)
      : vocabulary_(vocabulary), policy_(vocabulary.policy()), node_(node), sink_(sink) {}

  void Run() {
    Header();
    Categories();
    Purposes();
    Ceilings();
    Minors();
    Consents();
    Retentions();
    CardNumbers();
    ImposedConditions();
  }

 private:
  void Header() {
    if (policy_.name().empty()) sink_.Error(node_.Here(), "the privacy policy has no name");
    if (policy_.version().empty()) sink_.Error(node_.Here(), "the privacy policy has no version", "W8");
    if (!ParseDay(policy_.effective_on())) {
      sink_.Error(node_.At(Policy::kEffectiveOnFieldNumber),
                  absl::StrCat("effective_on \"", policy_.effective_on(), "\" is not a day"), "",
                  "write it as YYYY-MM-DD");
    }
  }

  template <typename Message>
  void Declared(const Message& message, const char* what, const SourceNode& at, std::set<std::string>* seen) {
    if (!IsId(message.id())) {
      sink_.Error(at.At(Message::kIdFieldNumber),
                  absl::StrCat(what, " id \"", message.id(), "\" is not lower snake case"));
    } else if (!seen->insert(message.id()).second) {
      sink_.Error(at.At(Message::kIdFieldNumber), absl::StrCat(what, " \"", message.id(), "\" is declared twice"));
    }
    if (message.display_name().empty()) {
      sink_.Error(at.Here(), absl::StrCat(what, " \"", message.id(), "\" has no display_name"), "W8");
    }
  }

  void Categories() {
    std::set<std::string> seen;
    for (int i = 0; i < policy_.categories_size(); ++i) {
      const auto& category = policy_.categories(i);
      const SourceNode at = node_.Child(Policy::kCategoriesFieldNumber, i);
      Declared(category, "category", at, &seen);
      if (category.never_disclosed() && category.forbidden_by().empty()) {
        sink_.Error(at.Here(), absl::StrCat("category \"", category.id(), "\" is never disclosed but names no clause"),
                    "", "set forbidden_by");
      }
      if (category.personal() && !category.never_disclosed() && vocabulary_.Retention(category.id()) == nullptr) {
        sink_.Warning(at.Here(), absl::StrCat("personal category \"", category.id(), "\" has no retention rule"),
                      "P1.3e");
      }
    }
  }

  void Purposes() {
    std::set<std::string> seen;
    for (int i = 0; i < policy_.purposes_size(); ++i) {
      Declared(policy_.purposes(i), "purpose", node_.Child(Policy::kPurposesFieldNumber, i), &seen);
    }
  }

  bool KnownCategory(absl::string_view id, const SourceLocation& at) {
    if (vocabulary_.Category(id) != nullptr) return true;
    sink_.Error(at, absl::StrCat("unknown category \"", id, "\""), "", vocabulary_.NearestCategory(id));
    return false;
  }

  void Ceilings() {
    std::set<std::pair<std::string, std::string>> seen;
    for (int i = 0; i < policy_.ceilings_size(); ++i) {
      const auto& ceiling = policy_.ceilings(i);
      const SourceNode at = node_.Child(Policy::kCeilingsFieldNumber, i);
      const auto& kinds = PartnerKinds();
      if (std::find(kinds.begin(), kinds.end(), ceiling.partner_kind()) == kinds.end()) {
        sink_.Error(at.At(v1::Ceiling::kPartnerKindFieldNumber),
                    absl::StrCat("\"", ceiling.partner_kind(), "\" is not a kind of partner; there are ",
                                 absl::StrJoin(kinds, ", ")),
                    "P1.4a", DidYouMean(ceiling.partner_kind(), kinds));
      }
      const v1::Purpose* purpose = vocabulary_.FindPurpose(ceiling.purpose());
      if (purpose == nullptr) {
        sink_.Error(at.At(v1::Ceiling::kPurposeFieldNumber),
                    absl::StrCat("unknown purpose \"", ceiling.purpose(), "\""), "P1.2a",
                    vocabulary_.NearestPurpose(ceiling.purpose()));
      } else if (purpose->internal()) {
        sink_.Error(at.At(v1::Ceiling::kPurposeFieldNumber),
                    absl::StrCat("purpose \"", purpose->id(), "\" is internal: no partner has a ceiling for it"),
                    "P1.2a");
      }
      if (!seen.emplace(ceiling.partner_kind(), ceiling.purpose()).second) {
        sink_.Error(at.Here(),
                    absl::StrCat("a second ceiling of ", ceiling.partner_kind(), " for \"", ceiling.purpose(), "\""));
      }
      if (ceiling.partner_kind() == "support" && !ceiling.consent_required()) {
        sink_.Error(at.Here(), "support partners get personal data only with the subject's consent", "P1.4a",
                    "set consent_required: true");
      }
      if (ceiling.clauses().empty()) sink_.Error(at.Here(), "the ceiling names no clause");
      CeilingCategories(ceiling, at);
    }
  }

  void CeilingCategories(const v1::Ceiling& ceiling, const SourceNode& at) {
    std::set<std::string> seen;
    for (int j = 0; j < ceiling.categories_size(); ++j) {
      const std::string& id = ceiling.categories(j).id();
      const SourceLocation where =
          at.Child(v1::Ceiling::kCategoriesFieldNumber, j).At(v1::CeilingCategory::kIdFieldNumber);
      if (!KnownCategory(id, where)) continue;
      if (!seen.insert(id).second) sink_.Error(where, absl::StrCat("category \"", id, "\" is listed twice"));
      NeverDisclosed(id, where);
    }
    for (int j = 0; j < ceiling.inbound_categories_size(); ++j) {
      const std::string& id = ceiling.inbound_categories(j);
      const SourceLocation where = at.At(v1::Ceiling::kInboundCategoriesFieldNumber, j);
      if (KnownCategory(id, where)) NeverDisclosed(id, where);
    }
  }

  void NeverDisclosed(const std::string& id, const SourceLocation& where) {
    const v1::DataCategory& category = *vocabulary_.Category(id);
    if (!category.never_disclosed()) return;
    sink_.Error(where, absl::StrCat("category \"", id, "\" is never disclosed"), category.forbidden_by());
  }

  void Minors() {
    const SourceNode at = node_.Child(Policy::kMinorsFieldNumber);
    if (!policy_.has_minors()) {
      sink_.Error(node_.Here(), "the privacy policy has no rule for minors", "W6b");
      return;
    }
    if (policy_.minors().majority_age() < 1 || policy_.minors().majority_age() > 30) {
      sink_.Error(at.At(v1::MinorsRule::kMajorityAgeFieldNumber), "majority_age must be from 1 to 30 years", "W6b");
    }
    for (int i = 0; i < policy_.minors().withheld_categories_size(); ++i) {
      KnownCategory(policy_.minors().withheld_categories(i), at.At(v1::MinorsRule::kWithheldCategoriesFieldNumber, i));
    }
  }

  void Consents() {
    for (int i = 0; i < policy_.consents_size(); ++i) {
      const auto& rule = policy_.consents(i);
      const SourceNode at = node_.Child(Policy::kConsentsFieldNumber, i);
      if (rule.category().empty() == rule.purpose().empty()) {
        sink_.Error(at.Here(), "a consent rule names either a category or a purpose", "W2b");
      } else if (!rule.category().empty()) {
        KnownCategory(rule.category(), at.At(v1::ConsentRule::kCategoryFieldNumber));
      } else if (vocabulary_.FindPurpose(rule.purpose()) == nullptr) {
        sink_.Error(at.At(v1::ConsentRule::kPurposeFieldNumber),
                    absl::StrCat("unknown purpose \"", rule.purpose(), "\""), "P1.2a",
                    vocabulary_.NearestPurpose(rule.purpose()));
      }
    }
  }

  void Retentions() {
    std::set<std::string> seen;
    for (int i = 0; i < policy_.retentions_size(); ++i) {
      const auto& rule = policy_.retentions(i);
      const SourceNode at = node_.Child(Policy::kRetentionsFieldNumber, i);
      if (!v1::RetentionStart_IsValid(rule.starts_on()) || rule.starts_on() == v1::RETENTION_START_UNSPECIFIED) {
        sink_.Error(at.Here(), "a retention rule needs the event that starts it", "P1.3e", "set starts_on");
      }
      if (rule.days() < 0) {
        sink_.Error(at.At(v1::RetentionRule::kDaysFieldNumber), "days must not be negative", "P1.3e");
      }
      for (int j = 0; j < rule.categories_size(); ++j) {
        const SourceLocation where = at.At(v1::RetentionRule::kCategoriesFieldNumber, j);
        if (KnownCategory(rule.categories(j), where) && !seen.insert(rule.categories(j)).second) {
          sink_.Error(where, absl::StrCat("category \"", rule.categories(j), "\" has a second retention rule"),
                      "P1.3e");
        }
      }
    }
  }

  void CardNumbers() {
    const auto& rule = policy_.card_numbers();
    if (rule.structured() == v1::CARD_NUMBER_ACTION_UNSPECIFIED ||
        rule.free_text() == v1::CARD_NUMBER_ACTION_UNSPECIFIED) {
      sink_.Error(node_.At(Policy::kCardNumbersFieldNumber),
                  "the privacy policy must say what happens with card numbers in structured fields and in free text",
                  "W1.2b");
    }
  }

  void ImposedConditions() {
    for (int i = 0; i < policy_.imposed_conditions_size(); ++i) {
      const auto& imposed = policy_.imposed_conditions(i);
      const SourceNode at = node_.Child(Policy::kImposedConditionsFieldNumber, i);
      if (imposed.condition_case() == v1::ImposedCondition::CONDITION_NOT_SET) {
        sink_.Error(at.Here(), "the imposed condition says nothing", "", "set cross_border {}");
      }
      for (int j = 0; j < imposed.categories_size(); ++j) {
        KnownCategory(imposed.categories(j), at.At(v1::ImposedCondition::kCategoriesFieldNumber, j));
      }
    }
  }

  const Vocabulary& vocabulary_;
  const v1::PrivacyPolicy& policy_;
  const SourceNode node_;
  DiagnosticSink& sink_;
};

}  // namespace

void CheckPrivacyPolicy(const Vocabulary& vocabulary, const SourceNode& node, DiagnosticSink& sink) {
  Checker(vocabulary, node, sink).Run();
}

}  // namespace postern::policy
