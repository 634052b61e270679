#include "server/crypto/hmac.h"

#include <openssl/crypto.h>

#include <array>
#include <cstring>

#include "server/crypto/digest_context.h"

namespace postern::crypto {
namespace {

constexpr size_t kBlockSize = 64;
constexpr uint8_t kInnerPad = 0x36;
constexpr uint8_t kOuterPad = 0x5c;

// The key as one block, zero-padded; the pads are XORed in place. Wiped on destruction.
class KeyBlock {
 public:
  explicit KeyBlock(absl::string_view key) {
    if (key.size() > kBlockSize) {
      const Sha256Digest digest = Sha256(key);
      std::memcpy(block_.data(), digest.data(), digest.size());
    } else if (!key.empty()) {
      std::memcpy(block_.data(), key.data(), key.size());
    }
  }
  ~KeyBlock() { OPENSSL_cleanse(block_.data(), block_.size()); }
  KeyBlock(const KeyBlock&) = delete;
  KeyBlock& operator=(const KeyBlock&) = delete;

  // Starts a digest with the block under `pad`.
  void Start(const DigestContext& digest, EVP_MD_CTX* context, uint8_t pad) {
    for (uint8_t& byte : block_) byte ^= pad;
    RequireDigest(EVP_DigestInit_ex2(context, digest.sha256.get(), nullptr) == 1 &&
                  EVP_DigestUpdate(context, block_.data(), block_.size()) == 1);
    for (uint8_t& byte : block_) byte ^= pad;
  }

 private:
  std::array<uint8_t, kBlockSize> block_{};
};

}  // namespace

struct HmacKey::State {
  OpensslPtr<EVP_MD_CTX> inner{EVP_MD_CTX_new()};
  OpensslPtr<EVP_MD_CTX> outer{EVP_MD_CTX_new()};
};

HmacKey::HmacKey(const SecretBytes& key) {
  auto state = std::make_shared<State>();
  RequireDigest(state->inner != nullptr && state->outer != nullptr);
  const DigestContext& digest = ThreadDigestContext();
  KeyBlock block(key.Reveal(SecretAccess::Granted()));
  block.Start(digest, state->inner.get(), kInnerPad);
  block.Start(digest, state->outer.get(), kOuterPad);
  state_ = std::move(state);
}

Sha256Digest HmacKey::Sign(std::initializer_list<absl::string_view> parts) const {
  EVP_MD_CTX* context = ThreadDigestContext().context.get();
  RequireDigest(EVP_MD_CTX_copy_ex(context, state_->inner.get()) == 1);
  const Sha256Digest inner = FinishDigest(context, parts);
  RequireDigest(EVP_MD_CTX_copy_ex(context, state_->outer.get()) == 1);
  return FinishDigest(context, {AsBytes(inner)});
}

Sha256Digest HmacOnce(absl::string_view key, std::initializer_list<absl::string_view> parts) {
  KeyBlock block(key);
  const DigestContext& digest = ThreadDigestContext();
  EVP_MD_CTX* context = digest.context.get();
  block.Start(digest, context, kInnerPad);
  const Sha256Digest inner = FinishDigest(context, parts);
  block.Start(digest, context, kOuterPad);
  return FinishDigest(context, {AsBytes(inner)});
}

}  // namespace postern::crypto
