#include "server/crypto/random.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <array>
#include <cstring>
#include <utility>

#include "server/crypto/errors.h"

namespace postern::crypto {
namespace {

constexpr size_t kBufferSize = 2048;
constexpr size_t kLargestBuffered = 64;

// Public random bytes drawn ahead. Each byte is handed out once and overwritten.
struct RandomBuffer {
  std::array<uint8_t, kBufferSize> bytes;
  size_t used = kBufferSize;
};

}  // namespace

absl::Status FillRandom(uint8_t* out, size_t size) {
  if (size > kLargestBuffered) {
    if (RAND_bytes(out, static_cast<int>(size)) != 1) return errors::CryptoFailed("RAND_bytes");
    return absl::OkStatus();
  }
  thread_local RandomBuffer buffer;
  if (kBufferSize - buffer.used < size) {
    if (RAND_bytes(buffer.bytes.data(), kBufferSize) != 1) return errors::CryptoFailed("RAND_bytes");
    buffer.used = 0;
  }
  std::memcpy(out, buffer.bytes.data() + buffer.used, size);
  std::memset(buffer.bytes.data() + buffer.used, 0, size);
  buffer.used += size;
  return absl::OkStatus();
}

absl::StatusOr<SecretBytes> RandomSecret(size_t size) {
  SecretBytes secret = SecretBytes::OfSize(size);
  if (RAND_priv_bytes(secret.MutableData(SecretAccess::Granted()), static_cast<int>(size)) != 1) {
    return errors::CryptoFailed("RAND_priv_bytes");
  }
  return secret;
}

}  // namespace postern::crypto
