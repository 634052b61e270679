#include "server/disclosure/receipt.h"

#include "server/crypto/sha256.h"
#include "server/disclosure/names.h"
#include "server/registry/times.h"

namespace postern::disclosure {
namespace {

void SetAudit(absl::string_view origin, uint64_t index, const storage::Hash32* hash, v1::Disclosure* out) {
  v1::AuditPosition& audit = *out->mutable_audit();
  audit.set_origin(origin.data(), origin.size());
  audit.set_leaf_index(index);
  if (hash != nullptr) audit.set_leaf_hash(hash->data(), hash->size());
}

}  // namespace

void FillReceiptOf(const Entry& entry, absl::string_view log_origin, v1::Disclosure* out) {
  out->set_name(DisclosureName(entry.partner->resource.name(), entry.result.id));
  out->set_purpose(entry.grant->grant->purpose);
  out->set_record_type(entry.grant->grant->record_type);
  out->set_contract_revision(entry.grant->contract_revision);
  out->set_policy_version(entry.snapshot->policy_version);
  registry::SetTime(entry.result.time, out->mutable_create_time());
  out->set_state(v1::DISCLOSURE_STATE_PENDING);
  out->set_handle(entry.row.handle.data(), entry.row.handle.size());
  out->set_record_version(entry.row.record_version);
  out->set_request_id(entry.row.request_id.ToString());
  SetAudit(log_origin, entry.result.leaf_index, &entry.result.leaf_hash, out);
}

v1::Disclosure DisclosureOf(const storage::DisclosureRow& row, const storage::GrantRef& grant,
                            absl::string_view partner, absl::string_view log_origin, const storage::Hash32* leaf_hash) {
  v1::Disclosure out;
  out.set_name(DisclosureName(partner, row.id));
  out.set_purpose(grant.purpose);
  out.set_record_type(grant.record_type);
  out.set_contract_revision(grant.contract_revision);
  out.set_policy_version(grant.policy_version);
  registry::SetTime(row.time, out.mutable_create_time());
  out.set_state(row.state);
  out.set_handle(std::string(crypto::AsBytes(row.handle)));
  out.set_record_version(row.record_version);
  out.set_request_id(row.request_id.ToString());
  SetAudit(log_origin, row.leaf_index, leaf_hash, &out);
  return out;
}

v1::WithheldField ToProto(const policy::WithheldField& field) {
  v1::WithheldField out;
  out.set_path(field.path);
  switch (field.reason) {
    case policy::WithheldReason::kNotGranted:
      out.set_reason(v1::WithheldField::REASON_NOT_GRANTED);
      break;
    case policy::WithheldReason::kUnclassified:
      out.set_reason(v1::WithheldField::REASON_UNCLASSIFIED);
      break;
    case policy::WithheldReason::kUnknown:
      out.set_reason(v1::WithheldField::REASON_UNKNOWN);
      break;
    case policy::WithheldReason::kCondition:
      out.set_reason(v1::WithheldField::REASON_CONDITION);
      break;
    case policy::WithheldReason::kMinor:
      out.set_reason(v1::WithheldField::REASON_MINOR);
      break;
    case policy::WithheldReason::kConsent:
      out.set_reason(v1::WithheldField::REASON_CONSENT);
      break;
    case policy::WithheldReason::kSuperseded:
      out.set_reason(v1::WithheldField::REASON_SUPERSEDED);
      break;
    case policy::WithheldReason::kUnfit:
      out.set_reason(v1::WithheldField::REASON_UNFIT);
      break;
  }
  return out;
}

}  // namespace postern::disclosure
