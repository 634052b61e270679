#include "server/disclosure/sealer.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/audit/leaf.h"
#include "server/base/failpoint.h"
#include "server/crypto/aead.h"
#include "server/crypto/big_endian.h"
#include "server/crypto/random.h"
#include "server/disclosure/names.h"
#include "server/disclosure/sealed_payload.h"
#include "server/disclosure/subjects_secret.h"
#include "server/registry/times.h"

namespace postern::disclosure {
namespace {

using crypto::KeyHandle;
using crypto::SecretAccess;

template <size_t kSize>
absl::string_view View(const std::array<uint8_t, kSize>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), kSize};
}

absl::StatusOr<crypto::Sha256Digest> Commit(const crypto::SecretBytes& salt, const storage::NewDisclosure& row,
                                            absl::string_view bytes) {
  const auto count = static_cast<uint32_t>(row.subjects.size());
  // Macs without anything between or behind them.
  const absl::string_view subjects(reinterpret_cast<const char*>(row.subjects.data()),
                                   row.subjects.size() * sizeof(storage::Mac16));
  return audit::CommitToPrivatePart(salt, {crypto::BigEndian32(count), subjects, View(row.record_key), bytes});
}

}  // namespace

std::string Sealer::Metadata(const Entry& entry) {
  audit_.set_kind(v1::AuditEntry::KIND_DISCLOSURE);
  registry::SetTime(entry.row.time, audit_.mutable_time());
  audit_.set_principal(entry.principal);
  audit_.set_resource(DisclosureName(entry.partner->resource.name(), entry.row.id));
  v1::AuditEntry::DisclosureFacts& facts = *audit_.mutable_disclosure();
  facts.set_purpose(entry.grant->grant->purpose);
  facts.set_record_type(entry.grant->grant->record_type);
  facts.set_contract_revision(entry.grant->contract_revision);
  facts.set_policy_version(entry.snapshot->policy_version);
  facts.set_epoch(entry.partner->resource.epoch());
  std::string& bitmap = *facts.mutable_withheld_bitmap();
  bitmap.clear();
  for (const uint64_t word : entry.row.withheld_bits) {
    for (int shift = 0; shift < 64; shift += 8) bitmap.push_back(static_cast<char>(word >> shift & 0xff));
  }
  return audit_.SerializeAsString();
}

absl::Status Sealer::Seal(absl::Span<Entry* const> group, absl::Time now) {
  std::vector<crypto::KeyRequest> requests;
  size_t wanted = 0;
  for (const Entry* entry : group) wanted += entry->keys.size();
  requests.reserve(wanted);
  for (const Entry* entry : group) {
    for (const KeyWish& wish : entry->keys) {
      crypto::KeyRequest& request = requests.emplace_back();
      request.kind = wish.kind;
      request.realm = wish.realm;
      request.name = wish.name;
      // A person who comes back after an erasure is a new subject; an order that retention has closed stays closed.
      request.allow_new_after_shred = wish.kind == crypto::KeyKind::kSubject;
    }
  }
  POSTERN_ASSIGN_OR_RETURN(const crypto::SecretBytes salts,
                           crypto::RandomSecret(group.size() * audit::kCommitmentSaltSize));
  absl::string_view unused_salts = salts.Reveal(SecretAccess::Granted());
  const uint64_t shreds = keys_->shreds();
  POSTERN_RETURN_IF_ERROR(keys_->EnsureKeys(absl::MakeSpan(requests)));
  size_t next = 0;
  for (Entry* entry : group) {
    entry->shreds = shreds;
    const crypto::SecretBytes salt = crypto::SecretBytes::CopyOf(unused_salts.substr(0, audit::kCommitmentSaltSize));
    unused_salts.remove_prefix(audit::kCommitmentSaltSize);
    entry->result.status = SealEntry(absl::MakeConstSpan(requests).subspan(next, entry->keys.size()), salt, now, entry);
    next += entry->keys.size();
  }
  return absl::OkStatus();
}

absl::Status Sealer::SealEntry(absl::Span<const crypto::KeyRequest> requests, const crypto::SecretBytes& salt,
                               absl::Time now, Entry* entry) {
  storage::NewDisclosure& row = entry->row;
  PayloadKeys keys;
  keys.subjects.reserve(requests.size());
  row.key_ids.clear();
  row.key_ids.reserve(requests.size() + 1);
  for (const crypto::KeyRequest& request : requests) {
    POSTERN_RETURN_IF_ERROR(request.result.status());
    row.key_ids.push_back(ToStored(request.result->id));
    if (request.kind == crypto::KeyKind::kSubject) {
      keys.subjects.push_back(*request.result);
    } else {
      keys.order = *request.result;
    }
  }
  POSTERN_ASSIGN_OR_RETURN(const crypto::KeyId epoch_key, FromStored(entry->partner->epoch_key));
  POSTERN_ASSIGN_OR_RETURN(keys.partner_epoch, keys_->Get(epoch_key));
  row.key_ids.push_back(entry->partner->epoch_key);

  POSTERN_ASSIGN_OR_RETURN(row.id, ids_.Next(now));
  row.time = now;
  const SubjectsSecret secret(keys.subjects);
  POSTERN_ASSIGN_OR_RETURN(row.content_digest, secret.KeyedContent(entry->content));
  if (!row.exchange) {
    POSTERN_ASSIGN_OR_RETURN(
        row.sealed_payload,
        SealForPartner(keys, row.id, entry->partner->resource.name(), entry->partner->resource.epoch(),
                       entry->grant->grant->purpose, entry->grant->grant->record_type, *entry->bytes));
    if (base::FailpointSkips("seal.skip")) row.sealed_payload = *entry->bytes;
  }
  POSTERN_ASSIGN_OR_RETURN(row.sealed_salt, secret.SealSalt(row.id, salt.Reveal(SecretAccess::Granted())));
  POSTERN_ASSIGN_OR_RETURN(const crypto::Sha256Digest commitment, Commit(salt, row, *entry->bytes));
  row.audit_leaf = audit::EncodeLeaf(Metadata(*entry), commitment);
  return absl::OkStatus();
}

}  // namespace postern::disclosure
