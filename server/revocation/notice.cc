#include "server/revocation/notice.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/sha256.h"
#include "server/registry/errors.h"
#include "server/registry/times.h"

namespace postern::revocation {

absl::StatusOr<storage::NoticeRow> MakeNotice(const CampaignOptions& options, const storage::CampaignRow& campaign,
                                              absl::string_view partner, absl::Time now, absl::Time due,
                                              v1::DeletionNoticeStatement statement) {
  storage::NoticeRow row;
  row.campaign = campaign.campaign.name();
  row.partner = campaign.partner;
  row.number = static_cast<int>(campaign.campaign.notice_count()) + 1;
  v1::DeletionNotice& notice = row.notice;
  notice.set_name(absl::StrCat(row.campaign, "/notices/", row.number));
  notice.set_state(v1::DeletionNotice::STATE_ISSUED);
  notice.set_handle_count(statement.items_size());
  registry::SetTime(now, notice.mutable_create_time());
  registry::SetTime(due, notice.mutable_due_time());

  statement.set_notice(notice.name());
  statement.set_partner(std::string(partner));
  statement.set_origin(options.origin);
  *statement.mutable_issue_time() = notice.create_time();
  *statement.mutable_due_time() = notice.due_time();
  statement.set_cause(campaign.campaign.cause());
  statement.set_page(row.number);
  const std::string payload = statement.SerializeAsString();
  const crypto::PrivateKey* const signers[] = {options.notice_key};
  POSTERN_ASSIGN_OR_RETURN(const crypto::DsseEnvelope envelope, crypto::DsseSign(kNoticePayloadType, payload, signers));
  *notice.mutable_envelope() = ToProto(envelope);
  const crypto::Sha256Digest digest = crypto::Sha256(payload);
  notice.set_digest(std::string(crypto::AsBytes(digest)));
  return row;
}

absl::StatusOr<v1::DeletionNoticeStatement> StatementOf(const v1::DeletionNotice& notice) {
  v1::DeletionNoticeStatement statement;
  if (!statement.ParseFromString(notice.envelope().payload())) {
    return registry::errors::StoreInconsistent("a notice does not parse");
  }
  return statement;
}

bool IsAttested(const v1::DeletionNotice& notice) {
  return notice.state() == v1::DeletionNotice::STATE_ATTESTED ||
         notice.state() == v1::DeletionNotice::STATE_ATTESTED_BY_DOCUMENT;
}

absl::string_view CampaignPart(absl::string_view notice) {
  const size_t at = notice.rfind("/notices/");
  return at == absl::string_view::npos ? absl::string_view() : notice.substr(0, at);
}

v1::SignedEnvelope ToProto(const crypto::DsseEnvelope& envelope) {
  v1::SignedEnvelope out;
  out.set_payload_type(envelope.payload_type);
  out.set_payload(envelope.payload);
  for (const crypto::DsseSignature& signature : envelope.signatures) {
    v1::SignedEnvelope::Signature& line = *out.add_signatures();
    line.set_key_id(signature.key_id);
    line.set_signature(signature.signature);
  }
  return out;
}

crypto::DsseEnvelope FromProto(const v1::SignedEnvelope& envelope) {
  crypto::DsseEnvelope out;
  out.payload_type = envelope.payload_type();
  out.payload = envelope.payload();
  for (const v1::SignedEnvelope::Signature& signature : envelope.signatures()) {
    out.signatures.push_back({signature.key_id(), signature.signature()});
  }
  return out;
}

}  // namespace postern::revocation
