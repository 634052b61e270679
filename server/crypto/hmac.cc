#include "server/crypto/hmac.h"

#include <openssl/crypto.h>

#include <array>
#include <cstring>

#include "server/crypto/hmac_state.h"

namespace postern::crypto {
namespace {

constexpr size_t kBlockSize = 64;
constexpr uint8_t kInnerPad = 0x36;
constexpr uint8_t kOuterPad = 0x5c;

}  // namespace

HmacState::HmacState(absl::string_view key) {
  // The key as one block, zero-padded.
  std::array<uint8_t, kBlockSize> block{};
  if (key.size() > kBlockSize) {
    const Sha256Digest digest = Sha256(key);
    std::memcpy(block.data(), digest.data(), digest.size());
  } else if (!key.empty()) {
    std::memcpy(block.data(), key.data(), key.size());
  }
  const absl::string_view bytes(reinterpret_cast<const char*>(block.data()), block.size());
  for (uint8_t& byte : block) byte ^= kInnerPad;
  inner_.Add(bytes);
  for (uint8_t& byte : block) byte ^= kInnerPad ^ kOuterPad;
  outer_.Add(bytes);
  OPENSSL_cleanse(block.data(), block.size());
}

Sha256Digest HmacState::Sign(std::initializer_list<absl::string_view> parts) const {
  const Sha256Digest inner = Sha256State(inner_).Finish(parts);
  return Sha256State(outer_).Finish({AsBytes(inner)});
}

struct HmacKey::State {
  const HmacState mac;
};

HmacKey::HmacKey(const SecretBytes& key)
    : state_(std::make_shared<const State>(State{HmacState(key.Reveal(SecretAccess::Granted()))})) {}

Sha256Digest HmacKey::Sign(std::initializer_list<absl::string_view> parts) const {
  return state_->mac.Sign(parts);
}

Sha256Digest HmacOnce(absl::string_view key, std::initializer_list<absl::string_view> parts) {
  return HmacState(key).Sign(parts);
}

}  // namespace postern::crypto
