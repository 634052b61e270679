#include "server/crypto/hkdf.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "server/crypto/errors.h"

namespace postern::crypto {

SecretBytes HkdfExtract(const HmacState& salt, absl::Span<const SecretBytes* const> input_key_material) {
  size_t size = 0;
  for (const SecretBytes* part : input_key_material) size += part->size();
  SecretBytes joined = SecretBytes::OfSize(size);
  uint8_t* out = joined.MutableData(SecretAccess::Granted());
  for (const SecretBytes* part : input_key_material) {
    const absl::string_view bytes = part->Reveal(SecretAccess::Granted());
    out = std::copy(bytes.begin(), bytes.end(), out);
  }
  Sha256Digest digest = salt.Sign({joined.Reveal(SecretAccess::Granted())});
  SecretBytes pseudorandom_key = SecretBytes::CopyOf(AsBytes(digest));
  OPENSSL_cleanse(digest.data(), digest.size());
  return pseudorandom_key;
}

absl::StatusOr<SecretBytes> HkdfKey::Expand(absl::string_view info, size_t size) const {
  constexpr size_t kBlock = 32;
  if (size > 255 * kBlock) return errors::Malformed("HKDF output is limited to 8160 bytes");
  SecretBytes output = SecretBytes::OfSize(size);
  uint8_t* out = output.MutableData(SecretAccess::Granted());
  Sha256Digest block{};
  absl::string_view previous;
  for (size_t done = 0; done < size; done += kBlock) {
    const char counter = static_cast<char>(done / kBlock + 1);
    block = mac_.Sign({previous, info, absl::string_view(&counter, 1)});
    previous = AsBytes(block);
    std::memcpy(out + done, block.data(), std::min(kBlock, size - done));
  }
  OPENSSL_cleanse(block.data(), block.size());
  return output;
}

}  // namespace postern::crypto
