#include "policy/report/preview.h"

#include "absl/strings/str_cat.h"
#include "policy/report/errors.h"

namespace postern::policy {
namespace {

void Fill(const CompiledGrant& grant, absl::string_view record, const PreviewOptions& options, PreviewColumn* column) {
  ProjectionContext context{options.today, options.pseudonym, 0, options.known_minor};
  const std::vector<std::string>& consents = grant.plan->consents();
  for (size_t i = 0; i < consents.size(); ++i) {
    if (options.consents.count(consents[i]) != 0) {
      context.consents_granted |= uint64_t{1} << i;
    } else {
      column->missing_consents.push_back(consents[i]);
    }
  }
  column->consent_missing =
      grant.consent_required && options.consents.count(absl::StrCat("purpose:", grant.purpose)) == 0;
  ProjectionResult result;
  column->status = Project(*grant.plan, context, record, &result);
  if (column->status.ok()) column->status = grant.verifier->Verify(context, record, result.bytes);
  if (column->status.ok()) column->status = ExplainWithheld(*grant.plan, context, record, &column->withheld);
  if (column->status.ok()) column->bytes = std::move(result.bytes);
}

}  // namespace

absl::StatusOr<std::vector<PreviewColumn>> Preview(const CompiledBundle& bundle, absl::string_view record_type,
                                                   absl::string_view record, const PreviewOptions& options) {
  if (!bundle.HasRecordType(record_type)) return errors::RecordTypeUnknown(record_type);
  std::vector<PreviewColumn> columns;
  for (const auto& contract : bundle.contracts()) {
    for (const CompiledGrant& grant : contract->grants) {
      if (record_type != grant.record_type) continue;
      PreviewColumn& column = columns.emplace_back();
      column.partner = contract->partner;
      column.contract = contract->name;
      column.purpose = grant.purpose;
      column.standing = StandingOn(contract->terms, options.today);
      Fill(grant, record, options, &column);
    }
  }
  return columns;
}

}  // namespace postern::policy
