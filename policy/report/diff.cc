#include "policy/report/diff.h"

#include <algorithm>
#include <map>
#include <tuple>

#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "policy/language/channel.h"
#include "policy/report/describe.h"
#include "policy/report/release_order.h"

namespace postern::policy {
namespace {

// How one leaf leaves.
struct Treatment {
  std::string category;
  const CompiledGrant* grant = nullptr;
  const LeafSpec* leaf = nullptr;

  std::string Text() const {
    const std::string transform = TransformText(leaf->transform);
    std::vector<std::string> parts = {transform.empty() ? "kept" : transform};
    if (leaf->required) parts.push_back("required");
    for (const std::string& condition : PredicateTexts(*leaf)) parts.push_back(absl::StrCat("if ", condition));
    if (leaf->withheld_from_minors && !grant->spec->adult_only) parts.push_back("not from minors");
    if (leaf->consent >= 0)
      parts.push_back(absl::StrCat("with consent ", grant->spec->consents[static_cast<size_t>(leaf->consent)]));
    if (leaf->on_card_number == v1::REFUSE) parts.push_back("card numbers refused");
    if (leaf->on_card_number == v1::REDACT) parts.push_back("card numbers redacted");
    return absl::StrJoin(parts, ", ");
  }
};

// By partner, purpose, record type, direction, path. Contracts of one partner that grant the same pair do not overlap
// in time; the first by name stands for them.
using Key = std::tuple<std::string, std::string, std::string, bool, std::string>;
using Treatments = std::map<Key, Treatment>;

void Collect(const CompiledContract& contract, const CompiledGrant& grant, bool inbound, const CompiledBundle& bundle,
             Treatments* out) {
  for (const LeafSpec& leaf : grant.spec->leaves) {
    out->emplace(Key{contract.partner, grant.purpose, grant.record_type, inbound, ToDotted(leaf.path)},
                 Treatment{absl::StrJoin(bundle.catalogue().CategoriesOf(*grant.spec->record_type, leaf.path), ", "),
                           &grant, &leaf});
  }
}

Treatments CollectAll(const CompiledBundle* bundle) {
  Treatments all;
  if (bundle == nullptr) return all;
  for (const auto& contract : bundle->contracts()) {
    for (const CompiledGrant& grant : contract->grants) Collect(*contract, grant, false, *bundle, &all);
    for (const CompiledGrant& grant : contract->inbound) Collect(*contract, grant, true, *bundle, &all);
  }
  return all;
}

bool Widens(const Treatment& before, const Treatment& after) {
  return (before.grant->consent_required && !after.grant->consent_required) ||
         !LeafReleasesWithin(*after.grant->spec, *after.leaf, *before.grant->spec, *before.leaf);
}

FieldChange Change(const Key& key, FieldChange::Kind kind, const Treatment* before, const Treatment* after) {
  FieldChange change;
  std::tie(change.partner, change.purpose, change.record_type, change.inbound, change.path) = key;
  change.category = (after != nullptr ? after : before)->category;
  change.kind = kind;
  if (before != nullptr) change.before = before->Text();
  if (after != nullptr) change.after = after->Text();
  change.widens = after != nullptr && (before == nullptr || Widens(*before, *after));
  return change;
}

std::vector<FieldChange> DiffFields(const Treatments& before, const Treatments& after) {
  std::vector<FieldChange> changes;
  for (const auto& [key, treatment] : after) {
    auto old = before.find(key);
    if (old == before.end()) {
      changes.push_back(Change(key, FieldChange::Kind::kAdded, nullptr, &treatment));
    } else if (old->second.Text() != treatment.Text() || old->second.category != treatment.category ||
               Widens(old->second, treatment)) {
      changes.push_back(Change(key, FieldChange::Kind::kChanged, &old->second, &treatment));
    }
  }
  for (const auto& [key, treatment] : before) {
    if (after.count(key) == 0) changes.push_back(Change(key, FieldChange::Kind::kRemoved, &treatment, nullptr));
  }
  std::sort(changes.begin(), changes.end(), [](const FieldChange& a, const FieldChange& b) {
    return std::tie(a.partner, a.purpose, a.record_type, a.inbound, a.path) <
           std::tie(b.partner, b.purpose, b.record_type, b.inbound, b.path);
  });
  return changes;
}

std::string OneLine(const google::protobuf::Message& message) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  std::string text;
  printer.PrintToString(message, &text);
  return text.empty() ? text : text.substr(0, text.find_last_not_of(' ') + 1);
}

class TermDiffer {
 public:
  TermDiffer(const v1::Contract& before, const v1::Contract& after, std::vector<TermChange>* out)
      : before_(before), after_(after), out_(out) {}

  void Run() {
    // Days in this form order as text does.
    Text("effective_on", before_.effective_on(), after_.effective_on(), after_.effective_on() < before_.effective_on());
    Text("expires_on", before_.expires_on(), after_.expires_on(), after_.expires_on() > before_.expires_on());
    Text("on_expiry", OneLine(before_.on_expiry()), OneLine(after_.on_expiry()), false);
    Text("legal", OneLine(before_.legal()), OneLine(after_.legal()), true);
    const v1::PartnerRetention &old_retention = before_.partner_retention(),
                               &new_retention = after_.partner_retention();
    Text("partner_retention", OneLine(old_retention), OneLine(new_retention),
         new_retention.starts_on() != old_retention.starts_on() || new_retention.days() > old_retention.days());
    // Another endpoint or method is another receiver.
    Text("delivery.channel", ChannelTerms(before_.delivery()), ChannelTerms(after_.delivery()), true);
    Text("delivery.max_pending_hours", absl::StrCat(before_.delivery().max_pending_hours()),
         absl::StrCat(after_.delivery().max_pending_hours()),
         after_.delivery().max_pending_hours() > before_.delivery().max_pending_hours());
    Text("delivery.max_unacknowledged", absl::StrCat(before_.delivery().max_unacknowledged()),
         absl::StrCat(after_.delivery().max_unacknowledged()),
         after_.delivery().max_unacknowledged() > before_.delivery().max_unacknowledged());
    Text("deletion", OneLine(before_.deletion()), OneLine(after_.deletion()),
         after_.deletion().due_days() > before_.deletion().due_days() || !SameExemptions() ||
             (before_.deletion().attestation() == v1::Deletion::PARTNER_KEY &&
              after_.deletion().attestation() != v1::Deletion::PARTNER_KEY));
    Text("supervision", OneLine(before_.supervision()), OneLine(after_.supervision()), false);
    Text("documents", Documents(before_), Documents(after_), false);
  }

 private:
  void Text(const char* term, const std::string& before, const std::string& after, bool widens) {
    if (before != after) out_->push_back({after_.name(), term, before, after, widens});
  }
  bool SameExemptions() const {
    v1::Deletion a, b;
    *a.mutable_exemptions() = before_.deletion().exemptions();
    *b.mutable_exemptions() = after_.deletion().exemptions();
    return google::protobuf::util::MessageDifferencer::Equals(a, b) || b.exemptions().empty();
  }
  static std::string Documents(const v1::Contract& contract) {
    v1::Contract only;
    *only.mutable_documents() = contract.documents();
    return OneLine(only);
  }

  const v1::Contract& before_;
  const v1::Contract& after_;
  std::vector<TermChange>* out_;
};

std::vector<TermChange> DiffTerms(const CompiledBundle* before, const CompiledBundle& after) {
  std::vector<TermChange> changes;
  for (const auto& contract : after.contracts()) {
    const CompiledContract* old = before == nullptr ? nullptr : before->FindContract(contract->name);
    if (old == nullptr) {
      changes.push_back({contract->name, "contract", "", "new", true});
    } else {
      TermDiffer(old->terms, contract->terms, &changes).Run();
    }
  }
  if (before == nullptr) return changes;
  for (const auto& contract : before->contracts()) {
    if (after.FindContract(contract->name) == nullptr)
      changes.push_back({contract->name, "contract", "present", "removed", false});
  }
  return changes;
}

}  // namespace

BundleDiff Diff(const CompiledBundle* before, const CompiledBundle& after) {
  BundleDiff diff;
  if (before != nullptr) diff.policy_version_before = before->privacy_policy().version();
  diff.policy_version_after = after.privacy_policy().version();
  diff.fields = DiffFields(CollectAll(before), CollectAll(&after));
  diff.terms = DiffTerms(before, after);
  diff.widens = std::any_of(diff.fields.begin(), diff.fields.end(), [](const FieldChange& c) { return c.widens; }) ||
                std::any_of(diff.terms.begin(), diff.terms.end(), [](const TermChange& c) { return c.widens; });
  return diff;
}

}  // namespace postern::policy
