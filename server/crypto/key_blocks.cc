#include "server/crypto/key_blocks.h"

#include <algorithm>
#include <utility>

#include "proto/errors/error.h"
#include "server/crypto/errors.h"

namespace postern::crypto {

namespace {

// Of keys of one realm.
absl::StatusOr<KeyBlock> WrapBlock(const KekRing& keks, absl::Span<const KeyHandle* const> keys) {
  KeyBlock block;
  SecretBytes plain = SecretBytes::OfSize(keys.size() * kDekSize);
  uint8_t* out = plain.MutableData(SecretAccess::Granted());
  for (const KeyHandle* key : keys) {
    block.ids.append(key->id.AsBytes().data(), KeyId::kSize);
    const absl::string_view bytes = key->secret->Reveal(SecretAccess::Granted());
    out = std::copy(bytes.begin(), bytes.end(), out);
  }
  block.generation = keks.current();
  POSTERN_ASSIGN_OR_RETURN(block.wrapped, keks.Wrap(block.ids, plain));
  return block;
}

}  // namespace

absl::StatusOr<std::vector<KeyBlock>> WrapKeys(const KekRing& keks, absl::Span<const KeyHandle> keys) {
  std::vector<KeyBlock> blocks;
  for (const KeyRealm realm : {KeyRealm::kStandard, KeyRealm::kMinors}) {
    std::vector<const KeyHandle*> of_realm;
    for (const KeyHandle& key : keys) {
      if (key.id.realm() == realm) of_realm.push_back(&key);
    }
    for (size_t i = 0; i < of_realm.size(); i += kBlockKeys) {
      POSTERN_ASSIGN_OR_RETURN(KeyBlock block, WrapBlock(keks, absl::MakeConstSpan(of_realm).subspan(i, kBlockKeys)));
      blocks.push_back(std::move(block));
    }
  }
  return blocks;
}

absl::StatusOr<std::shared_ptr<const SecretBytes>> UnwrapKey(const KekRing& keks, const KeyBlock& block,
                                                             const KeyId& id, size_t place) {
  if (place >= block.size() ||
      absl::string_view(block.ids).substr(place * KeyId::kSize, KeyId::kSize) != id.AsBytes()) {
    return errors::StoredBytesMalformed("a key slot without its key");
  }
  POSTERN_ASSIGN_OR_RETURN(const SecretBytes keys, keks.Unwrap(block.ids, block.generation, block.wrapped));
  return std::make_shared<const SecretBytes>(
      SecretBytes::CopyOf(keys.Reveal(SecretAccess::Granted()).substr(place * kDekSize, kDekSize)));
}

absl::StatusOr<KeyBlock> Rewrap(const KekRing& keks, KeyBlock block) {
  POSTERN_ASSIGN_OR_RETURN(const SecretBytes keys, keks.Unwrap(block.ids, block.generation, block.wrapped));
  block.generation = keks.current();
  POSTERN_ASSIGN_OR_RETURN(block.wrapped, keks.Wrap(block.ids, keys));
  return block;
}

absl::StatusOr<KeyBlock> WithoutKey(const KekRing& keks, KeyBlock block, size_t place) {
  const size_t offset = place * kDekSize;
  absl::StatusOr<SecretBytes> keys = keks.Unwrap(block.ids, block.generation, block.wrapped);
  if (!keys.ok()) {
    if (offset + WrappedSize(1) <= block.wrapped.size()) {
      block.wrapped.replace(kWrappedKeysOffset + offset, kDekSize, kDekSize, '\0');
    }
    return block;
  }
  if (place >= block.size()) return errors::StoredBytesMalformed("a key slot without its key");
  uint8_t* bytes = keys->MutableData(SecretAccess::Granted());
  std::fill_n(bytes + offset, kDekSize, uint8_t{0});
  if (std::all_of(bytes, bytes + keys->size(), [](uint8_t byte) { return byte == 0; })) {
    block.generation = 0;
    block.wrapped.assign(block.wrapped.size(), '\0');
    return block;
  }
  block.generation = keks.current();
  POSTERN_ASSIGN_OR_RETURN(block.wrapped, keks.Wrap(block.ids, *keys));
  return block;
}

}  // namespace postern::crypto
