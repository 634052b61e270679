#include "server/crypto/kek_ring.h"

#include <openssl/crypto.h>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/aead.h"
#include "server/crypto/big_endian.h"
#include "server/crypto/errors.h"
#include "server/crypto/random.h"

namespace postern::crypto {
namespace {

constexpr size_t kNonceSize = kWrappedKeysOffset;

std::string KekContext(KeyRealm realm, uint32_t generation, uint32_t root_version) {
  return absl::StrCat("postern kek v1", BigEndian(static_cast<uint8_t>(realm), 1), BigEndian32(generation),
                      BigEndian32(root_version));
}

std::string DekContext(absl::string_view ids, uint32_t generation) {
  return absl::StrCat("postern dek v1", ids, BigEndian32(generation));
}

// The realm of keys that were wrapped together.
absl::StatusOr<KeyRealm> RealmOf(absl::string_view ids) {
  absl::StatusOr<KeyId> first = KeyId::FromBytes(ids.substr(0, KeyId::kSize));
  if (!first.ok() || ids.size() % KeyId::kSize != 0) return errors::StoredBytesMalformed("ids of wrapped keys");
  return first->realm();
}

absl::StatusOr<std::string> WrapKey(const SecretBytes& wrapping_key, absl::string_view context,
                                    const SecretBytes& key) {
  std::string nonce(kNonceSize, '\0');
  POSTERN_RETURN_IF_ERROR(FillRandom(reinterpret_cast<uint8_t*>(nonce.data()), nonce.size()));
  POSTERN_ASSIGN_OR_RETURN(const std::string sealed,
                           XaesSeal(wrapping_key, nonce, context, key.Reveal(SecretAccess::Granted())));
  return absl::StrCat(nonce, sealed);
}

absl::StatusOr<SecretBytes> UnwrapKey(const SecretBytes& wrapping_key, absl::string_view context,
                                      absl::string_view wrapped) {
  if (wrapped.size() < WrappedSize(1)) return errors::StoredBytesMalformed("wrapped key");
  POSTERN_ASSIGN_OR_RETURN(std::string opened,
                           XaesOpen(wrapping_key, wrapped.substr(0, kNonceSize), context, wrapped.substr(kNonceSize)));
  SecretBytes key = SecretBytes::CopyOf(opened);
  OPENSSL_cleanse(opened.data(), opened.size());
  return key;
}

}  // namespace

absl::StatusOr<StoredKek> KekRing::MakeKek(const RootKeyset& root, KeyRealm realm, uint32_t generation) {
  StoredKek kek{realm, generation, root.primary_version(), ""};
  POSTERN_ASSIGN_OR_RETURN(const SecretBytes key, RandomSecret(kAeadKeySize));
  POSTERN_ASSIGN_OR_RETURN(kek.wrapped,
                           WrapKey(*root.Find(kek.root_version), KekContext(realm, generation, kek.root_version), key));
  return kek;
}

absl::Status KekRing::Add(const StoredKek& kek, const RootKeyset& root, absl::string_view root_path) {
  const SecretBytes* root_key = root.Find(kek.root_version);
  if (root_key == nullptr) return errors::RootKeysetMismatch(root_path, kek.root_version);
  absl::StatusOr<SecretBytes> key =
      UnwrapKey(*root_key, KekContext(kek.realm, kek.generation, kek.root_version), kek.wrapped);
  if (absl::IsDataLoss(key.status())) return errors::RootKeysetMismatch(root_path, kek.root_version);
  POSTERN_RETURN_IF_ERROR(key.status());
  keks_.insert_or_assign({kek.generation, kek.realm}, *std::move(key));
  return absl::OkStatus();
}

void KekRing::Remove(uint32_t generation) {
  keks_.erase({generation, KeyRealm::kStandard});
  keks_.erase({generation, KeyRealm::kMinors});
}

std::vector<uint32_t> KekRing::Generations() const {
  std::vector<uint32_t> generations;
  for (const auto& [name, key] : keks_) {
    if (generations.empty() || generations.back() != name.first) generations.push_back(name.first);
  }
  return generations;
}

absl::StatusOr<std::string> KekRing::Wrap(absl::string_view ids, const SecretBytes& keys) const {
  POSTERN_ASSIGN_OR_RETURN(const KeyRealm realm, RealmOf(ids));
  const SecretBytes* kek = Find(current(), realm);
  if (kek == nullptr) return errors::StoredBytesMalformed("no KEK for a realm");
  return WrapKey(*kek, DekContext(ids, current()), keys);
}

absl::StatusOr<SecretBytes> KekRing::Unwrap(absl::string_view ids, uint32_t generation,
                                            absl::string_view wrapped) const {
  POSTERN_ASSIGN_OR_RETURN(const KeyRealm realm, RealmOf(ids));
  const SecretBytes* kek = Find(generation, realm);
  if (kek == nullptr) return errors::StoredBytesMalformed("no KEK for a stored key");
  POSTERN_ASSIGN_OR_RETURN(SecretBytes keys, UnwrapKey(*kek, DekContext(ids, generation), wrapped));
  if (keys.size() != ids.size() / KeyId::kSize * kDekSize) return errors::StoredBytesMalformed("wrapped keys");
  return keys;
}

const SecretBytes* KekRing::Find(uint32_t generation, KeyRealm realm) const {
  const auto found = keks_.find({generation, realm});
  return found == keks_.end() ? nullptr : &found->second;
}

}  // namespace postern::crypto
