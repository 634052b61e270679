#include "policy/report/sharing_scope.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "policy/report/describe.h"

namespace postern::policy {
namespace {

// "AFTER_SALES_CLOSED" -> "after sales closed".
std::string Words(const std::string& enum_name) {
  return absl::AsciiStrToLower(absl::StrReplaceAll(enum_name, {{"_", " "}}));
}

void AddOnce(std::vector<std::string>* list, std::string text) {
  if (std::find(list->begin(), list->end(), text) == list->end()) list->push_back(std::move(text));
}

void AddTreatments(const LeafSpec& leaf, const PlanSpec& spec, SharedCategory* out) {
  const std::string path = ToDotted(leaf.path);
  if (const std::string transform = TransformText(leaf.transform); !transform.empty()) {
    AddOnce(&out->treatments, absl::StrCat(path, ": ", transform));
  }
  for (const std::string& condition : PredicateTexts(leaf))
    AddOnce(&out->treatments, absl::StrCat("only if ", condition));
  if (leaf.consent >= 0) AddOnce(&out->treatments, "only with the person's consent");
  if (leaf.withheld_from_minors && !spec.adult_only) AddOnce(&out->treatments, "never of minors");
}

SharedPurpose Describe(const CompiledGrant& grant, const v1::Ceiling* ceiling, const CompiledBundle& bundle) {
  SharedPurpose purpose;
  const v1::Purpose* declared = bundle.vocabulary().FindPurpose(grant.purpose);
  purpose.name = declared == nullptr ? grant.purpose : declared->display_name();
  purpose.record_type = grant.record_type;
  purpose.justification = grant.justification;
  purpose.consent_required = grant.consent_required;
  if (ceiling != nullptr) purpose.clauses = ClausesOf(*ceiling);
  std::map<std::string, SharedCategory> by_category;  // by name: the page does not depend on the order of grants
  for (const LeafSpec& leaf : grant.spec->leaves) {
    for (const std::string& id : bundle.catalogue().CategoriesOf(*grant.spec->record_type, leaf.path)) {
      const std::string& name = bundle.vocabulary().Category(id)->display_name();
      SharedCategory& category = by_category[name];
      category.name = name;
      category.fields.push_back(ToDotted(leaf.path));
      AddTreatments(leaf, *grant.spec, &category);
    }
  }
  for (auto& [name, category] : by_category) purpose.categories.push_back(std::move(category));
  return purpose;
}

std::string Channel(const v1::Delivery& delivery) {
  if (delivery.has_exchange()) return absl::StrCat("calls ", delivery.exchange().method());
  if (delivery.has_push()) return "pushed to the partner";
  if (delivery.has_webhook()) return "posted to the partner";
  return "fetched by the partner";
}

SharingPartner Describe(const CompiledContract& contract, const CompiledBundle& bundle) {
  const v1::Contract& terms = contract.terms;
  SharingPartner partner;
  partner.name = contract.partner;
  partner.contract = contract.name;
  partner.kind = terms.partner_kind();
  partner.country = terms.legal().recipient_country();
  partner.role = Words(v1::Contract::Legal::Role_Name(terms.legal().role()));
  partner.effective_on = terms.effective_on();
  partner.expires_on = terms.expires_on();
  partner.kept_for = absl::StrCat(terms.partner_retention().days(), " days after ",
                                  Words(v1::RetentionStart_Name(terms.partner_retention().starts_on())));
  partner.channel = Channel(terms.delivery());
  for (const auto& exemption : terms.deletion().exemptions()) {
    std::vector<std::string> names;
    for (const std::string& id : exemption.categories())
      names.push_back(bundle.vocabulary().Category(id)->display_name());
    partner.exemptions.push_back(absl::StrCat(absl::StrJoin(names, ", "), ": ", exemption.ground(), ", at most ",
                                              exemption.max_days(), " days"));
  }
  for (const CompiledGrant& grant : contract.grants) {
    partner.purposes.push_back(Describe(grant, bundle.vocabulary().FindCeiling(partner.kind, grant.purpose), bundle));
  }
  for (const CompiledGrant& grant : contract.inbound) {
    partner.returned.push_back(Describe(grant, bundle.vocabulary().FindCeiling(partner.kind, grant.purpose), bundle));
  }
  return partner;
}

}  // namespace

SharingScope DescribeSharing(const CompiledBundle& bundle, std::optional<absl::CivilDay> day) {
  SharingScope scope;
  const v1::PrivacyPolicy& policy = bundle.privacy_policy();
  scope.policy = policy.name();
  scope.version = policy.version();
  scope.effective_on = policy.effective_on();
  for (const auto& contract : bundle.contracts()) {
    if (day && StandingOn(contract->terms, *day).state != ContractStanding::State::kInForce) continue;
    scope.partners.push_back(Describe(*contract, bundle));
  }
  for (const auto& category : policy.categories()) {
    if (category.never_disclosed())
      scope.never_shared.push_back(absl::StrCat(category.display_name(), " (", category.forbidden_by(), ")"));
  }
  for (const auto& purpose : policy.purposes()) {
    if (purpose.internal()) scope.internal_purposes.push_back(purpose.display_name());
  }
  return scope;
}

}  // namespace postern::policy
