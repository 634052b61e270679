#include "server/gateway/key_agreement.h"

#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/registry/partner_keys.h"

namespace postern::gateway {
namespace {

constexpr int kNewest = 16;
constexpr int kPage = 1000;
constexpr int kSoundInARow = 10'000;

// Adds the keys of `stored` that the store never had to `lost`.
absl::Status CollectLost(crypto::KeyStore& keys, const std::vector<crypto::Uuid>& stored,
                         absl::flat_hash_set<crypto::KeyId>* lost) {
  for (const crypto::Uuid& one : stored) {
    if (one == crypto::Uuid()) continue;
    POSTERN_ASSIGN_OR_RETURN(const crypto::KeyId id, registry::KeyIdOf(one));
    const absl::Status found = keys.Get(id).status();
    if (absl::IsNotFound(found)) {
      lost->insert(id);
    } else if (!found.ok() && ReasonOf(found) != v1::ERROR_REASON_KEY_SHREDDED) {
      return found;
    }
  }
  return absl::OkStatus();
}

std::vector<crypto::Uuid> KeysOf(const storage::PartnerRow& row) {
  return {row.epoch_key, row.pseudonym_key, row.handle_key};
}

}  // namespace

absl::Status CheckKeyAgreement(storage::Store& store, crypto::KeyStore& keys) {
  absl::flat_hash_set<crypto::KeyId> lost;
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::PartnerRow> partners, store.ListPartners());
  for (const storage::PartnerRow& row : partners) {
    POSTERN_RETURN_IF_ERROR(CollectLost(keys, KeysOf(row), &lost));
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::DisclosureRow> newest,
                             store.ListDisclosures(row.id, 0, kNewest));
    for (const storage::DisclosureRow& disclosure : newest) {
      POSTERN_RETURN_IF_ERROR(CollectLost(keys, disclosure.key_ids, &lost));
    }
  }
  if (lost.empty()) return absl::OkStatus();
  return absl::DataLossError(
      "the key store lacks keys of the ledger's newest records: it is an older copy. Put a newer one in place, or give "
      "these records up with --accept-key-loss");
}

absl::StatusOr<int64_t> BuryLostKeys(storage::Store& store, crypto::KeyStore& keys, absl::Time now) {
  absl::flat_hash_set<crypto::KeyId> lost;
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::PartnerRow> partners, store.ListPartners());
  for (const storage::PartnerRow& row : partners) {
    POSTERN_RETURN_IF_ERROR(CollectLost(keys, KeysOf(row), &lost));
    int sound = 0;
    for (int64_t before = 0; sound < kSoundInARow;) {
      POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::DisclosureRow> page,
                               store.ListDisclosures(row.id, before, kPage));
      if (page.empty()) break;
      for (const storage::DisclosureRow& disclosure : page) {
        const size_t known = lost.size();
        POSTERN_RETURN_IF_ERROR(CollectLost(keys, disclosure.key_ids, &lost));
        sound = lost.size() == known ? sound + 1 : 0;
      }
      before = page.back().seq;
    }
  }
  POSTERN_RETURN_IF_ERROR(keys.Shred(std::vector<crypto::KeyId>(lost.begin(), lost.end()), now));
  return static_cast<int64_t>(lost.size());
}

}  // namespace postern::gateway
