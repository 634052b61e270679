#include "server/crypto/hkdf.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "server/crypto/errors.h"
#include "server/crypto/hmac.h"

namespace postern::crypto {

SecretBytes HkdfExtract(absl::string_view salt, absl::Span<const SecretBytes* const> input_key_material) {
  size_t size = 0;
  for (const SecretBytes* part : input_key_material) size += part->size();
  SecretBytes joined = SecretBytes::OfSize(size);
  uint8_t* out = joined.MutableData(SecretAccess::Granted());
  for (const SecretBytes* part : input_key_material) {
    const absl::string_view bytes = part->Reveal(SecretAccess::Granted());
    out = std::copy(bytes.begin(), bytes.end(), out);
  }
  Sha256Digest digest = HmacOnce(salt, {joined.Reveal(SecretAccess::Granted())});
  SecretBytes pseudorandom_key = SecretBytes::CopyOf(AsBytes(digest));
  OPENSSL_cleanse(digest.data(), digest.size());
  return pseudorandom_key;
}

absl::StatusOr<SecretBytes> HkdfExpand(const SecretBytes& pseudorandom_key, absl::string_view info, size_t size) {
  constexpr size_t kBlock = 32;
  if (size > 255 * kBlock) return errors::Malformed("HKDF output is limited to 8160 bytes");
  SecretBytes output = SecretBytes::OfSize(size);
  uint8_t* out = output.MutableData(SecretAccess::Granted());
  Sha256Digest block{};
  absl::string_view previous;
  for (size_t done = 0; done < size; done += kBlock) {
    const char counter = static_cast<char>(done / kBlock + 1);
    block =
        HmacOnce(pseudorandom_key.Reveal(SecretAccess::Granted()), {previous, info, absl::string_view(&counter, 1)});
    previous = AsBytes(block);
    std::memcpy(out + done, block.data(), std::min(kBlock, size - done));
  }
  OPENSSL_cleanse(block.data(), block.size());
  return output;
}

}  // namespace postern::crypto
