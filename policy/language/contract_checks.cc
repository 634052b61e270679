#include "policy/language/contract_checks.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "policy/language/field_path.h"

namespace postern::policy {
namespace {

using v1::Contract;

// An exchange calls one method; what goes out and comes back must be its request and its response.
void CheckExchange(const Contract& contract, const SourceNode& delivery, const Catalogue& catalogue,
                   DiagnosticSink& sink) {
  const std::string& path = contract.delivery().exchange().method();
  const SourceLocation at =
      delivery.Child(v1::Delivery::kExchangeFieldNumber).At(v1::Delivery::Exchange::kMethodFieldNumber);
  const google::protobuf::MethodDescriptor* method = catalogue.schema().FindMethod(path);
  if (method == nullptr) {
    sink.Warning(at, absl::StrCat("the schemas do not declare ", path, ": its types cannot be checked"), "W1.2c");
    return;
  }
  if (method->client_streaming() || method->server_streaming()) {
    sink.Error(at, absl::StrCat(path, " streams; an exchange calls a unary method"));
  }
  for (const v1::Grant& grant : contract.grants()) {
    if (grant.record_type() != method->input_type()->full_name()) {
      sink.Error(at, absl::StrCat(path, " takes ", method->input_type()->full_name(), ", and the contract grants ",
                                  grant.record_type()));
    }
  }
  if (std::none_of(contract.inbound().begin(), contract.inbound().end(), [method](const v1::InboundGrant& inbound) {
        return inbound.record_type() == method->output_type()->full_name();
      })) {
    sink.Error(at,
               absl::StrCat(path, " answers with ", method->output_type()->full_name(),
                            ", and no inbound grant says what of it may come back"),
               "W1.2c");
  }
}

// The partner finds its own copy by the locator, so it must get it with every record that has it, unchanged by anything
// but a pseudonym.
void CheckLocator(const Contract& contract, const SourceNode& deletion, const Catalogue& catalogue,
                  DiagnosticSink& sink) {
  const std::string& locator = contract.deletion().locator_path();
  const SourceLocation at = deletion.At(v1::Deletion::kLocatorPathFieldNumber);
  bool granted_anywhere = false;
  for (const v1::Grant& grant : contract.grants()) {
    const RecordType* record = catalogue.Find(grant.record_type());
    if (record == nullptr || ResolvePath(*record->descriptor, locator).path.empty()) continue;
    const auto field = std::find_if(grant.fields().begin(), grant.fields().end(),
                                    [&locator](const v1::FieldGrant& f) { return f.path() == locator; });
    if (field == grant.fields().end()) {
      sink.Error(at,
                 absl::StrCat("locator_path \"", locator, "\" is not granted for ", grant.purpose(), " of ",
                              grant.record_type()),
                 "P1.4e");
      continue;
    }
    granted_anywhere = true;
    const bool changed = field->transform_case() != v1::FieldGrant::TRANSFORM_NOT_SET && !field->has_pseudonymise();
    if (changed || !field->when().empty()) {
      sink.Error(at,
                 absl::StrCat("locator_path \"", locator, "\" is changed or conditional in the grant for ",
                              grant.purpose(), " of ", grant.record_type(), ": the partner could not find its copy"),
                 "P1.4e");
    }
  }
  if (!granted_anywhere) {
    sink.Error(at, absl::StrCat("locator_path \"", locator, "\" is in no grant of the contract"), "P1.4e");
  }
}

// A partner keeps nothing longer than the shop does. Comparable only where both count from the same event.
void CheckRetention(const Contract& contract, const SourceNode& retention, const Vocabulary& vocabulary,
                    const Catalogue& catalogue, DiagnosticSink& sink) {
  std::set<std::string> exempted;
  for (const auto& exemption : contract.deletion().exemptions()) {
    exempted.insert(exemption.categories().begin(), exemption.categories().end());
  }
  std::set<std::string> granted;
  for (const v1::Grant& grant : contract.grants()) {
    const RecordType* record = catalogue.Find(grant.record_type());
    if (record == nullptr) continue;
    for (const v1::FieldGrant& field : grant.fields()) {
      const FieldPath path = ResolvePath(*record->descriptor, field.path()).path;
      if (!path.empty()) granted.insert(catalogue.Classify(*record->descriptor, path).category);
    }
  }
  for (const std::string& category : granted) {
    const v1::RetentionRule* rule = vocabulary.Retention(category);
    if (rule == nullptr || exempted.count(category) != 0 ||
        rule->starts_on() != contract.partner_retention().starts_on())
      continue;
    if (contract.partner_retention().days() > rule->days()) {
      sink.Error(retention.At(v1::PartnerRetention::kDaysFieldNumber),
                 absl::StrCat("the partner would keep ", category, " for ", contract.partner_retention().days(),
                              " days, the policy allows ", rule->days()),
                 rule->clauses().empty() ? "P1.3e" : ClausesOf(*rule));
    }
  }
}

}  // namespace

void CheckAgainstGrants(const Contract& contract, const SourceNode& node, const Vocabulary& vocabulary,
                        const Catalogue& catalogue, DiagnosticSink& sink) {
  if (contract.grants().empty()) {
    sink.Warning(node.Here(), "the contract grants nothing");
    return;
  }
  if (contract.delivery().has_exchange()) {
    CheckExchange(contract, node.Child(Contract::kDeliveryFieldNumber), catalogue, sink);
  }
  if (contract.has_deletion()) CheckLocator(contract, node.Child(Contract::kDeletionFieldNumber), catalogue, sink);
  if (contract.has_partner_retention()) {
    CheckRetention(contract, node.Child(Contract::kPartnerRetentionFieldNumber), vocabulary, catalogue, sink);
  }
}

}  // namespace postern::policy
