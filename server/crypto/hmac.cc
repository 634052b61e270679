#include "server/crypto/hmac.h"

#include <openssl/crypto.h>

#include <array>
#include <cstring>

#include "server/crypto/sha256_state.h"

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

  // A digest that has taken the block under `pad`.
  Sha256State Start(uint8_t pad) {
    for (uint8_t& byte : block_) byte ^= pad;
    Sha256State state;
    state.Add(absl::string_view(reinterpret_cast<const char*>(block_.data()), block_.size()));
    for (uint8_t& byte : block_) byte ^= pad;
    return state;
  }

 private:
  std::array<uint8_t, kBlockSize> block_{};
};

}  // namespace

struct HmacKey::State {
  explicit State(absl::string_view key) : State(KeyBlock(key)) {}
  explicit State(KeyBlock&& key) : inner(key.Start(kInnerPad)), outer(key.Start(kOuterPad)) {}

  const Sha256State inner;
  const Sha256State outer;
};

HmacKey::HmacKey(const SecretBytes& key) : state_(std::make_shared<const State>(key.Reveal(SecretAccess::Granted()))) {}

Sha256Digest HmacKey::Sign(std::initializer_list<absl::string_view> parts) const {
  const Sha256Digest inner = Sha256State(state_->inner).Finish(parts);
  return Sha256State(state_->outer).Finish({AsBytes(inner)});
}

Sha256Digest HmacOnce(absl::string_view key, std::initializer_list<absl::string_view> parts) {
  KeyBlock block(key);
  const Sha256Digest inner = block.Start(kInnerPad).Finish(parts);
  return block.Start(kOuterPad).Finish({AsBytes(inner)});
}

}  // namespace postern::crypto
