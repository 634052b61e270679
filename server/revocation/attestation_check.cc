#include "server/revocation/attestation_check.h"

#include <algorithm>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "proto/errors/error.h"
#include "server/crypto/dsse.h"
#include "server/crypto/signature.h"
#include "server/registry/times.h"
#include "server/revocation/errors.h"
#include "server/revocation/notice.h"

namespace postern::revocation {
namespace {

using Item = v1::DeletionNoticeStatement::Item;
using HandleOutcome = v1::DeletionAttestationStatement::HandleOutcome;

const v1::Grant* FindGrant(const v1::Contract& contract, const Item& item) {
  for (const v1::Grant& grant : contract.grants()) {
    if (grant.purpose() == item.purpose() && grant.record_type() == item.record_type()) return &grant;
  }
  return nullptr;
}

// True if the grant holds a field of one of the exempted categories.
bool Covers(const v1::Deletion::Exemption& exemption, const v1::Grant& grant, CategoryOf category_of) {
  return std::any_of(grant.fields().begin(), grant.fields().end(), [&](const v1::FieldGrant& field) {
    const std::string category = category_of(grant.record_type(), field.path());
    return std::find(exemption.categories().begin(), exemption.categories().end(), category) !=
           exemption.categories().end();
  });
}

// The enum is open: what a later version may say is no answer to this one.
bool Answers(const HandleOutcome& outcome) {
  switch (outcome.result()) {
    case v1::DeletionAttestationStatement::RESULT_DELETED:
    case v1::DeletionAttestationStatement::RESULT_NOT_FOUND:
    case v1::DeletionAttestationStatement::RESULT_EXEMPTED:
      return true;
    default:
      return false;
  }
}

// `attested`: when the partner says so; `first`: when it answered first, from which on the ground's time counts.
absl::Status CheckExemption(const HandleOutcome& outcome, const Item& item, absl::Time attested, absl::Time first,
                            const std::vector<v1::Contract>& terms, CategoryOf category_of, const std::string& notice) {
  if (!outcome.has_until()) return errors::AttestationExemption(notice, "an exemption does not say until when");
  bool known_ground = false;
  for (const v1::Contract& contract : terms) {
    const v1::Grant* grant = FindGrant(contract, item);
    if (grant == nullptr) continue;
    for (const v1::Deletion::Exemption& exemption : contract.deletion().exemptions()) {
      if (exemption.ground() != outcome.ground() || !Covers(exemption, *grant, category_of)) continue;
      known_ground = true;
      const absl::Time until = registry::ToTime(outcome.until());
      if (until > attested && until <= first + absl::Hours(24) * exemption.max_days()) return absl::OkStatus();
    }
  }
  return errors::AttestationExemption(notice, known_ground ? "an exemption ends in the past or lasts too long"
                                                           : "an exemption's ground is not in the contract");
}

}  // namespace

absl::StatusOr<v1::DeletionAttestationStatement> OpenAttestation(const v1::SignedEnvelope& envelope,
                                                                 const v1::Partner& partner, absl::string_view notice) {
  std::vector<crypto::PublicKey> trusted;
  for (const v1::AttestationKey& key : partner.attestation_keys()) {
    POSTERN_ASSIGN_OR_RETURN(crypto::PublicKey parsed, crypto::PublicKey::FromPem(key.public_key_pem()));
    trusted.push_back(std::move(parsed));
  }
  if (!crypto::DsseVerify(FromProto(envelope), kAttestationPayloadType, trusted).ok()) {
    return errors::AttestationSignature(notice, "no registered key of the partner signed this attestation");
  }
  v1::DeletionAttestationStatement statement;
  if (!statement.ParseFromString(envelope.payload())) {
    return errors::AttestationMalformed(notice, "the payload is not an attestation statement");
  }
  return statement;
}

absl::Status CheckAttestation(const v1::DeletionAttestationStatement& statement, const v1::DeletionNotice& notice,
                              const v1::DeletionNoticeStatement& asked, const std::vector<v1::Contract>& terms,
                              CategoryOf category_of, absl::Time now, const std::optional<EarlierAnswer>& earlier) {
  const std::string& name = notice.name();
  if (statement.notice() != name || statement.partner() != asked.partner()) {
    return errors::AttestationNoticeDigest(name, "the attestation is for another notice or partner");
  }
  if (statement.notice_digest() != notice.digest()) {
    return errors::AttestationNoticeDigest(name, "the attestation embeds another digest");
  }
  const absl::Time attested = registry::ToTime(statement.attest_time());
  if (attested > now + kClockSkew) return errors::AttestationTime(name, "the attestation is from the future");
  if (attested < registry::ToTime(notice.create_time()) - kClockSkew) {
    return errors::AttestationTime(name, "the attestation is older than its notice");
  }

  absl::flat_hash_map<absl::string_view, const Item*> items;
  for (const Item& item : asked.items()) items.emplace(item.handle(), &item);
  absl::flat_hash_set<absl::string_view> named;
  size_t answered = 0;
  size_t foreign = 0;
  for (const HandleOutcome& outcome : statement.outcomes()) {
    if (!items.contains(outcome.handle())) {
      ++foreign;
      continue;
    }
    if (!named.insert(outcome.handle()).second) {
      return errors::AttestationMalformed(name, "a handle has two outcomes");
    }
    if (Answers(outcome)) ++answered;
  }
  if (foreign > 0) return errors::AttestationForeignHandle(name, foreign);
  if (answered < items.size()) return errors::AttestationGap(name, items.size() - answered);
  for (const HandleOutcome& outcome : statement.outcomes()) {
    if (outcome.result() != v1::DeletionAttestationStatement::RESULT_EXEMPTED) continue;
    const HandleOutcome* before = earlier ? earlier->Find(outcome.handle()) : nullptr;
    if (before != nullptr && SameOutcome(*before, outcome)) continue;
    POSTERN_RETURN_IF_ERROR(CheckExemption(outcome, *items.at(outcome.handle()), attested,
                                           earlier ? earlier->first : attested, terms, category_of, name));
  }
  return absl::OkStatus();
}

}  // namespace postern::revocation
