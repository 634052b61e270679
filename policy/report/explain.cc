#include "policy/report/explain.h"

#include "absl/strings/str_cat.h"
#include "policy/language/packed_leaves.h"
#include "policy/report/describe.h"
#include "policy/report/errors.h"

namespace postern::policy {
namespace {

void ExplainGranted(const LeafSpec& spec, const PlanSpec& plan, const v1::Ceiling& ceiling, ExplainedLeaf* leaf) {
  leaf->granted = true;
  leaf->required = spec.required;
  leaf->transform = TransformText(spec.transform);
  leaf->conditions = PredicateTexts(spec);
  leaf->withheld_from_minors = spec.withheld_from_minors;
  if (spec.consent >= 0) leaf->consent = plan.consents[static_cast<size_t>(spec.consent)];
  leaf->reason = absl::StrCat("granted for ", ceiling.purpose());
  leaf->clause = ClausesOf(ceiling);
}

void ExplainWithheldLeaf(const Vocabulary& vocabulary, const v1::Ceiling& ceiling, ExplainedLeaf* leaf) {
  const v1::DataCategory* category = vocabulary.Category(leaf->category);
  if (category == nullptr) {
    leaf->reason = "not classified";
    leaf->clause = "P1.1a";
  } else if (category->never_disclosed()) {
    leaf->reason = absl::StrCat(category->id(), " is never disclosed");
    leaf->clause = category->forbidden_by();
  } else if (Vocabulary::Under(ceiling, category->id()) == nullptr) {
    leaf->reason = absl::StrCat("the policy gives no ", category->id(), " to ", ceiling.partner_kind(), " for ",
                                ceiling.purpose());
    leaf->clause = ClausesOf(ceiling);
  } else {
    leaf->reason = "the policy would allow it; the contract does not grant it";
    leaf->clause = "P1.4b";
  }
}

}  // namespace

absl::StatusOr<Explanation> Explain(const CompiledBundle& bundle, absl::string_view partner, absl::string_view purpose,
                                    absl::string_view record_type) {
  const RecordType* record = bundle.catalogue().Find(record_type);
  if (record == nullptr) return errors::RecordTypeUnknown(record_type);
  const CompiledContract* contract = nullptr;
  const CompiledGrant* grant = nullptr;
  for (const auto& candidate : bundle.contracts()) {
    if (partner != candidate->partner && partner != candidate->name) continue;
    contract = candidate.get();
    grant = contract->FindGrant(purpose, record_type);
    if (grant != nullptr) break;
  }
  if (contract == nullptr) return errors::PartnerUnknown(partner);
  if (grant == nullptr) return errors::PurposeNotGranted(partner, purpose, record_type);

  Explanation explanation{contract->partner,  contract->name,       grant->purpose,
                          grant->record_type, grant->justification, grant->consent_required};
  const v1::Ceiling& ceiling = *bundle.vocabulary().FindCeiling(contract->terms.partner_kind(), grant->purpose);
  std::vector<ClassifiedLeaf> leaves = PackedLeaves(*grant->spec, bundle.catalogue());
  leaves.insert(leaves.begin(), record->leaves.begin(), record->leaves.end());
  for (const ClassifiedLeaf& classified : leaves) {
    ExplainedLeaf& leaf = explanation.leaves.emplace_back();
    leaf.path = classified.path;
    leaf.type = TypeText(*classified.fields.back());
    leaf.category = classified.classification.category;
    for (const RoleSpec& role : record->roles) {
      if (role.path == classified.fields) leaf.roles.push_back(RoleText(role.role));
    }
    if (const LeafSpec* spec = FindLeaf(*grant->spec, classified.fields)) {
      ExplainGranted(*spec, *grant->spec, ceiling, &leaf);
    } else {
      ExplainWithheldLeaf(bundle.vocabulary(), ceiling, &leaf);
    }
  }
  return explanation;
}

}  // namespace postern::policy
