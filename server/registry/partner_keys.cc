#include "server/registry/partner_keys.h"

#include <algorithm>

#include "proto/errors/error.h"
#include "server/crypto/name_digest.h"
#include "server/registry/errors.h"

namespace postern::registry {
namespace {

crypto::Uuid Stored(const crypto::KeyId& id) {
  crypto::Uuid stored;
  stored.bytes = id.bytes();
  return stored;
}

}  // namespace

absl::StatusOr<crypto::KeyId> KeyIdOf(const crypto::Uuid& stored) {
  absl::StatusOr<crypto::KeyId> id = crypto::KeyId::FromBytes(stored.AsBytes());
  if (!id.ok()) return errors::StoreInconsistent("a partner's key id is malformed");
  return id;
}

absl::Status EnsurePartnerKeys(crypto::KeyStore& keys, storage::PartnerRow* row) {
  const std::string& name = row->partner.name();
  const crypto::KeyName stable = crypto::DigestName(keys.index_key(), crypto::NameDomain::kPartner, name);
  crypto::KeyRequest requests[3];
  requests[0].kind = crypto::KeyKind::kPartnerEpoch;
  requests[0].name = crypto::DigestName(keys.index_key(), crypto::NameDomain::kPartnerEpoch, name,
                                        static_cast<uint64_t>(row->partner.epoch()));
  requests[1].kind = crypto::KeyKind::kPseudonym;
  requests[1].name = stable;
  requests[2].kind = crypto::KeyKind::kHandle;
  requests[2].name = stable;
  POSTERN_RETURN_IF_ERROR(keys.EnsureKeys(absl::MakeSpan(requests)));
  crypto::Uuid* const stored[] = {&row->epoch_key, &row->pseudonym_key, &row->handle_key};
  for (int i = 0; i < 3; ++i) {
    POSTERN_RETURN_IF_ERROR(requests[i].result.status());
    *stored[i] = Stored(requests[i].result->id);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const crypto::HmacKey>> LoadHmacKey(crypto::KeyStore& keys, const crypto::Uuid& stored) {
  POSTERN_ASSIGN_OR_RETURN(const crypto::KeyId id, KeyIdOf(stored));
  absl::StatusOr<crypto::KeyHandle> handle = keys.Get(id);
  if (ReasonOf(handle.status()) == v1::ERROR_REASON_KEY_SHREDDED) return nullptr;
  if (!handle.ok()) return handle.status();
  return std::make_shared<const crypto::HmacKey>(*handle->secret);
}

}  // namespace postern::registry
