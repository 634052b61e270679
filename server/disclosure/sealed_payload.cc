#include "server/disclosure/sealed_payload.h"

#include "proto/errors/error.h"
#include "server/crypto/errors.h"

namespace postern::disclosure {
namespace {

constexpr size_t kEpochBytes = 8;

crypto::PayloadContext Context(const crypto::Uuid& id, absl::string_view partner, uint64_t epoch,
                               absl::string_view purpose, absl::string_view type) {
  return {id.AsBytes(), partner, epoch, purpose, type};
}

}  // namespace

crypto::Uuid ToStored(const crypto::KeyId& id) {
  crypto::Uuid stored;
  stored.bytes = id.bytes();
  return stored;
}

absl::StatusOr<crypto::KeyId> FromStored(const crypto::Uuid& id) {
  absl::StatusOr<crypto::KeyId> key = crypto::KeyId::FromBytes(id.AsBytes());
  if (!key.ok()) return crypto::errors::StoredBytesMalformed("key id");
  return key;
}

bool LostForGood(const absl::Status& status) {
  return ReasonOf(status) == v1::ERROR_REASON_KEY_SHREDDED || absl::IsDataLoss(status) || absl::IsNotFound(status);
}

absl::StatusOr<PayloadKeys> FindPayloadKeys(crypto::KeyStore& keys, absl::Span<const crypto::Uuid> key_ids) {
  PayloadKeys found;
  bool has_order = false;
  bool has_epoch = false;
  for (const crypto::Uuid& stored : key_ids) {
    POSTERN_ASSIGN_OR_RETURN(const crypto::KeyId id, FromStored(stored));
    POSTERN_ASSIGN_OR_RETURN(crypto::KeyHandle key, keys.Get(id));
    switch (id.kind()) {
      case crypto::KeyKind::kSubject:
        found.subjects.push_back(std::move(key));
        break;
      case crypto::KeyKind::kOrder:
        found.order = std::move(key);
        has_order = true;
        break;
      case crypto::KeyKind::kPartnerEpoch:
        found.partner_epoch = std::move(key);
        has_epoch = true;
        break;
      default:
        return crypto::errors::StoredBytesMalformed("key ids of a payload");
    }
  }
  if (found.subjects.empty() || !has_order || !has_epoch) {
    return crypto::errors::StoredBytesMalformed("key ids of a payload");
  }
  return found;
}

absl::StatusOr<std::string> SealForPartner(const PayloadKeys& keys, const crypto::Uuid& id, absl::string_view partner,
                                           uint64_t epoch, absl::string_view purpose, absl::string_view type,
                                           absl::string_view plaintext) {
  POSTERN_ASSIGN_OR_RETURN(const std::string envelope,
                           crypto::SealPayload(keys.parts(), Context(id, partner, epoch, purpose, type), plaintext));
  std::string sealed;
  sealed.reserve(kEpochBytes + envelope.size());
  for (int shift = 56; shift >= 0; shift -= 8) sealed.push_back(static_cast<char>(epoch >> shift & 0xff));
  sealed += envelope;
  return sealed;
}

absl::StatusOr<std::string> OpenForPartner(const PayloadKeys& keys, const crypto::Uuid& id, absl::string_view partner,
                                           absl::string_view purpose, absl::string_view type,
                                           absl::string_view sealed) {
  if (sealed.size() < kEpochBytes) return crypto::errors::StoredBytesMalformed("payload");
  uint64_t epoch = 0;
  for (size_t i = 0; i < kEpochBytes; ++i) epoch = epoch << 8 | static_cast<uint8_t>(sealed[i]);
  return crypto::OpenPayload(keys.parts(), Context(id, partner, epoch, purpose, type), sealed.substr(kEpochBytes));
}

}  // namespace postern::disclosure
