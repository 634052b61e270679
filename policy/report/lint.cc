#include "policy/report/lint.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "policy/language/packed_leaves.h"
#include "policy/projection/date_value.h"
#include "policy/report/errors.h"
#include "policy/report/grant_use.h"

namespace postern::policy {
namespace {

using Kind = LintFinding::Kind;

// True for numbers that leave unchanged and are wide enough for the digits of a card number.
bool HoldsSixteenDigits(const LeafSpec& leaf) {
  if (!std::holds_alternative<std::monostate>(leaf.transform)) return false;
  const auto* field = leaf.path.back();
  if (field->is_map()) field = field->message_type()->map_value();
  switch (field->cpp_type()) {
    case google::protobuf::FieldDescriptor::CPPTYPE_INT64:
    case google::protobuf::FieldDescriptor::CPPTYPE_UINT64:
    case google::protobuf::FieldDescriptor::CPPTYPE_DOUBLE:
      return true;
    default:
      return false;
  }
}

class Linter {
 public:
  Linter(const CompiledBundle& bundle, std::vector<LintFinding>* findings) : bundle_(bundle), findings_(findings) {}

  void UnclassifiedFields() {
    for (const auto& [name, record] : bundle_.catalogue().record_types()) {
      for (const FieldPath& path : record.unclassified) Unclassified(name, path);
    }
    for (const auto& contract : bundle_.contracts()) {
      for (const CompiledGrant& inbound : contract->inbound) {
        for (const FieldPath& path : inbound.spec->unclassified) Unclassified(inbound.record_type, path);
      }
    }
    for (const auto& [type, leaf] : PackedOfGrants()) {
      if (leaf.classification.category.empty()) Unclassified(type, leaf.fields);
    }
  }

  void NewFields(const Schema& previous) {
    for (const auto& [name, record] : bundle_.catalogue().record_types()) {
      for (const ClassifiedLeaf& leaf : record.leaves) NewField(previous, name, leaf);
    }
    for (const auto& [type, leaf] : PackedOfGrants()) NewField(previous, type, leaf);
  }

  void UnusedCategories() {
    std::set<std::string> used;
    for (const auto& [name, record] : bundle_.catalogue().record_types()) {
      for (const ClassifiedLeaf& leaf : record.leaves) used.insert(leaf.classification.category);
    }
    for (const auto& [type, leaf] : PackedOfGrants()) used.insert(leaf.classification.category);
    for (const auto& contract : bundle_.contracts()) {
      for (const CompiledGrant& inbound : contract->inbound) {
        for (const ClassifiedLeaf& leaf : bundle_.catalogue().ClassifiedLeaves(*inbound.spec->record_type)) {
          used.insert(leaf.classification.category);
        }
      }
    }
    for (const auto& category : bundle_.privacy_policy().categories()) {
      if (used.count(category.id()) == 0) {
        Add(Kind::kUnusedCategory, {}, category.id(), "no field of any record type is in this category", "P1.1b");
      }
    }
  }

  void UnusedCeilings() {
    for (const auto& ceiling : bundle_.privacy_policy().ceilings()) {
      const bool granted =
          std::any_of(bundle_.contracts().begin(), bundle_.contracts().end(), [&ceiling](const auto& contract) {
            return contract->terms.partner_kind() == ceiling.partner_kind() &&
                   std::any_of(contract->grants.begin(), contract->grants.end(),
                               [&ceiling](const CompiledGrant& grant) { return grant.purpose == ceiling.purpose(); });
          });
      if (granted) continue;
      Add(Kind::kUnusedCeiling, {}, absl::StrCat(ceiling.partner_kind(), "/", ceiling.purpose()),
          "no contract grants anything under this ceiling", ClausesOf(ceiling));
    }
  }

  void WideCeilings() {
    for (const auto& ceiling : bundle_.privacy_policy().ceilings()) {
      std::set<std::string> used;
      for (const auto& contract : bundle_.contracts()) {
        if (contract->terms.partner_kind() != ceiling.partner_kind()) continue;
        for (const CompiledGrant& grant : contract->grants) {
          if (grant.purpose == ceiling.purpose()) used.insert(grant.categories.begin(), grant.categories.end());
        }
      }
      if (used.empty()) continue;  // the whole ceiling is unused
      for (const auto& category : ceiling.categories()) {
        if (used.count(category.id()) != 0) continue;
        Add(Kind::kWideCeiling, {}, absl::StrCat(ceiling.partner_kind(), "/", ceiling.purpose(), "/", category.id()),
            "no contract needs this category: the ceiling is wider than it has to be", ClausesOf(ceiling));
      }
    }
  }

  void UncheckedNumbers() {
    std::set<std::string> personal;
    for (const auto& category : bundle_.privacy_policy().categories()) {
      if (category.personal()) personal.insert(category.id());
    }
    for (const auto& contract : bundle_.contracts()) {
      for (const CompiledGrant& grant : contract->grants) {
        for (const LeafSpec& leaf : grant.spec->leaves) {
          const auto category = bundle_.catalogue().Classify(*grant.spec->record_type, leaf.path).category;
          if (!HoldsSixteenDigits(leaf) || personal.count(category) == 0) continue;
          Add(Kind::kUncheckedNumber, grant.location,
              absl::StrCat(contract->name, " ", grant.purpose, " ", grant.record_type, ".", ToDotted(leaf.path)),
              absl::StrCat("is a number of 64 bits and ", category,
                           ": card numbers are looked for in text only; make it a string, or generalise it to a step"),
              "W1.2b");
        }
      }
    }
  }

  void UnusedGrants(const std::vector<SampleRecord>& samples) {
    for (const auto& contract : bundle_.contracts()) {
      for (const CompiledGrant& grant : contract->grants) {
        const GrantUse use = UseOf(grant, samples);
        const std::string subject = absl::StrCat(contract->name, " ", grant.purpose, " ", grant.record_type);
        if (use.released == 0 && use.refused > 0) {
          Add(Kind::kUnusedGrant, grant.location, subject,
              absl::StrCat("refuses each of ", use.refused, " sample records, for ", use.refusal), "P1.1a");
        }
        if (use.released == 0) continue;
        for (const std::string& path : use.unused) {
          Add(Kind::kUnusedGrant, grant.location, absl::StrCat(subject, ".", path),
              absl::StrCat("is granted, and left in none of ", use.released, " sample records"), "P1.1a");
        }
      }
    }
  }

  void Expiries(absl::CivilDay today, int warning_days) {
    for (const auto& contract : bundle_.contracts()) {
      Expiry(*contract, contract->terms.expires_on(), "the contract", today, warning_days);
      for (const auto& document : contract->terms.documents()) {
        Expiry(*contract, document.expires_on(),
               absl::StrCat("document ", v1::Contract::Document::Kind_Name(document.kind())), today, warning_days);
      }
    }
  }

 private:
  void Add(Kind kind, SourceLocation location, std::string subject, std::string message, std::string clause) {
    findings_->push_back({kind, std::move(location), std::move(subject), std::move(message), std::move(clause)});
  }

  // What the Anys of granted record types may hold: each leaf once, with its record type.
  std::vector<std::pair<std::string, ClassifiedLeaf>> PackedOfGrants() const {
    std::map<std::pair<std::string, std::string>, ClassifiedLeaf> leaves;
    for (const auto& contract : bundle_.contracts()) {
      for (const CompiledGrant& grant : contract->grants) {
        for (ClassifiedLeaf& leaf : PackedLeaves(*grant.spec, bundle_.catalogue())) {
          const std::string path = leaf.path;
          leaves.emplace(std::pair(grant.record_type, path), std::move(leaf));
        }
      }
    }
    std::vector<std::pair<std::string, ClassifiedLeaf>> list;
    for (auto& [key, leaf] : leaves) list.emplace_back(key.first, std::move(leaf));
    return list;
  }

  void NewField(const Schema& previous, const std::string& type, const ClassifiedLeaf& leaf) {
    const google::protobuf::Descriptor* before = previous.FindMessage(type);
    if (before != nullptr && !ResolvePath(*before, leaf.path).path.empty()) return;
    const std::string& category = leaf.classification.category;
    Add(Kind::kNewField, Schema::LocationOf(*leaf.fields.back()), absl::StrCat(type, ".", leaf.path),
        category.empty() ? "is new and not classified: it is withheld"
                         : absl::StrCat("is new, classified as ", category),
        "P1.1a");
  }

  void Unclassified(const std::string& type, const FieldPath& path) {
    Add(Kind::kUnclassifiedField, Schema::LocationOf(*path.back()), absl::StrCat(type, ".", ToDotted(path)),
        "has no category: it is withheld from everybody", "P1.1a");
  }

  void Expiry(const CompiledContract& contract, const std::string& ends_on, const std::string& what,
              absl::CivilDay today, int warning_days) {
    const auto end = ParseDay(ends_on);
    if (!end || *end - today > warning_days) return;
    const auto left = *end - today;
    Add(Kind::kExpiring, {contract.source_file, 1, 1}, contract.name,
        left < 0 ? absl::StrCat(what, " expired on ", ends_on)
                 : absl::StrCat(what, " expires on ", ends_on, ", in ", left, " days"),
        "P1.4c");
  }

  const CompiledBundle& bundle_;
  std::vector<LintFinding>* findings_;
};

}  // namespace

std::string KindText(LintFinding::Kind kind) {
  switch (kind) {
    case Kind::kUnclassifiedField:
      return "unclassified_field";
    case Kind::kNewField:
      return "new_field";
    case Kind::kUnusedCategory:
      return "unused_category";
    case Kind::kUnusedCeiling:
      return "unused_ceiling";
    case Kind::kWideCeiling:
      return "wide_ceiling";
    case Kind::kUncheckedNumber:
      return "unchecked_number";
    case Kind::kUnusedGrant:
      return "unused_grant";
    case Kind::kExpiring:
      return "expiring";
  }
  return "";
}

absl::StatusOr<std::vector<LintFinding>> Lint(const CompiledBundle& bundle, const LintOptions& options) {
  std::vector<LintFinding> findings;
  Linter linter(bundle, &findings);
  linter.UnclassifiedFields();
  if (!options.previous_descriptor_set.empty()) {
    DiagnosticSink sink;
    const std::unique_ptr<const Schema> previous = Schema::Load(options.previous_descriptor_set, sink);
    if (previous == nullptr) return errors::DescriptorSetInvalid(ToString(sink.Take().front()));
    linter.NewFields(*previous);
  }
  linter.UnusedCategories();
  linter.UnusedCeilings();
  linter.WideCeilings();
  linter.UncheckedNumbers();
  linter.UnusedGrants(options.samples);
  if (options.today) linter.Expiries(*options.today, options.expiry_warning_days);
  std::stable_sort(findings.begin(), findings.end(), [](const LintFinding& a, const LintFinding& b) {
    return std::tie(a.kind, a.subject, a.message) < std::tie(b.kind, b.subject, b.message);
  });
  return findings;
}

}  // namespace postern::policy
