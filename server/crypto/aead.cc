#include "server/crypto/aead.h"

#include <openssl/crypto.h>

#include <cstring>
#include <utility>

#include "proto/errors/error.h"
#include "server/crypto/cipher_context.h"
#include "server/crypto/errors.h"
#include "server/crypto/gcm.h"
#include "server/crypto/openssl_scope.h"
#include "server/crypto/random.h"
#include "server/crypto/sha256.h"

namespace postern::crypto {
namespace {

constexpr size_t kXaesNonceSize = 24;
constexpr size_t kBlockSize = 16;
constexpr size_t kHeaderSize = 1 + sizeof(EnvelopeKeyName);
constexpr char kVersionXaes = 0x01;
constexpr char kVersionSingleUse = 0x02;

static_assert(kAeadKeySize == kGcmKeySize && kAeadTagSize == kGcmTagSize);

const uint8_t* Data(absl::string_view bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}
uint8_t* Data(std::string& bytes) {
  return reinterpret_cast<uint8_t*>(bytes.data());
}

// Reused because setting a cipher up costs more than sealing a short record. Holds the last key's schedule until the
// next use. Null if there is no such cipher.
EVP_CIPHER_CTX* ThreadEcbContext() {
  thread_local const OpensslPtr<EVP_CIPHER_CTX> context = NewCipherContext("AES-256-ECB");
  return context.get();
}

// XAES-256-GCM derives a key for each nonce: two blocks of CMAC in counter mode (SP 800-108r1) over 'X' and the nonce's
// first half.
class XaesDerivedKey {
 public:
  XaesDerivedKey() = default;
  ~XaesDerivedKey() { OPENSSL_cleanse(key_, sizeof(key_)); }
  XaesDerivedKey(const XaesDerivedKey&) = delete;
  XaesDerivedKey& operator=(const XaesDerivedKey&) = delete;

  absl::Status Derive(const SecretBytes& key, absl::string_view nonce) {
    const ErrorQueueGuard guard;
    if (key.size() != kAeadKeySize) return errors::Malformed("an AEAD key has 32 bytes");
    if (nonce.size() != kXaesNonceSize) return errors::Malformed("an XAES-256-GCM nonce has 24 bytes");
    EVP_CIPHER_CTX* const ecb = ThreadEcbContext();
    if (ecb == nullptr) return errors::CryptoFailed("AES-256 is not available");
    uint8_t subkey[kBlockSize] = {};
    uint8_t blocks[2 * kBlockSize];
    int written = 0;
    bool ok = EVP_EncryptInit_ex2(ecb, nullptr, Data(key.Reveal(SecretAccess::Granted())), nullptr, nullptr) == 1 &&
              EVP_CIPHER_CTX_set_padding(ecb, 0) == 1 &&
              EVP_EncryptUpdate(ecb, subkey, &written, subkey, kBlockSize) == 1;
    DoubleInField(subkey);
    for (uint8_t counter = 1; counter <= 2; ++counter) {
      uint8_t* block = blocks + (counter - 1) * kBlockSize;
      const uint8_t prefix[4] = {0, counter, 'X', 0};
      std::memcpy(block, prefix, sizeof(prefix));
      std::memcpy(block + sizeof(prefix), nonce.data(), kBlockSize - sizeof(prefix));
      for (size_t i = 0; i < kBlockSize; ++i) block[i] ^= subkey[i];
    }
    ok = ok && EVP_EncryptUpdate(ecb, key_, &written, blocks, sizeof(blocks)) == 1 && written == sizeof(key_);
    OPENSSL_cleanse(subkey, sizeof(subkey));
    OPENSSL_cleanse(blocks, sizeof(blocks));
    return ok ? absl::OkStatus() : errors::CryptoFailed("AES-256 key derivation");
  }

  const uint8_t* data() const { return key_; }

 private:
  // CMAC's K1 from the encrypted zero block: multiplication by x in GF(2^128), in constant time.
  static void DoubleInField(uint8_t* block) {
    const uint8_t carry = block[0] >> 7;
    for (size_t i = 0; i + 1 < kBlockSize; ++i) block[i] = static_cast<uint8_t>(block[i] << 1 | block[i + 1] >> 7);
    block[kBlockSize - 1] = static_cast<uint8_t>(block[kBlockSize - 1] << 1 ^ (0x87 & -carry));
  }

  uint8_t key_[kAeadKeySize];
};

absl::string_view SecondHalf(absl::string_view nonce) {
  return nonce.substr(kXaesNonceSize - kGcmNonceSize);
}

absl::string_view NameBytes(const EnvelopeKeyName& name) {
  return absl::string_view(reinterpret_cast<const char*>(name.data()), name.size());
}

// Header, random nonce, and room for `plaintext_size` bytes and the tag.
absl::StatusOr<std::string> StartEnvelope(char version, const EnvelopeKeyName& name, size_t nonce_size,
                                          size_t plaintext_size) {
  std::string envelope;
  envelope.resize(kHeaderSize + nonce_size + plaintext_size + kAeadTagSize);
  envelope[0] = version;
  std::memcpy(envelope.data() + 1, name.data(), name.size());
  POSTERN_RETURN_IF_ERROR(FillRandom(Data(envelope) + kHeaderSize, nonce_size));
  return envelope;
}

// Whether the header says exactly this; lengths are checked too.
bool HeaderFits(absl::string_view envelope, char version, const EnvelopeKeyName& name, size_t nonce_size) {
  return envelope.size() >= kHeaderSize + nonce_size + kAeadTagSize && envelope[0] == version &&
         ConstantTimeEquals(envelope.substr(1, name.size()), NameBytes(name));
}

}  // namespace

absl::StatusOr<std::string> Seal(const SecretBytes& key, const EnvelopeKeyName& key_name, absl::string_view context,
                                 absl::string_view plaintext) {
  POSTERN_ASSIGN_OR_RETURN(std::string envelope,
                           StartEnvelope(kVersionXaes, key_name, kXaesNonceSize, plaintext.size()));
  const absl::string_view header = absl::string_view(envelope).substr(0, kHeaderSize);
  const absl::string_view nonce = absl::string_view(envelope).substr(kHeaderSize, kXaesNonceSize);
  XaesDerivedKey derived;
  POSTERN_RETURN_IF_ERROR(derived.Derive(key, nonce));
  POSTERN_RETURN_IF_ERROR(GcmSeal(derived.data(), SecondHalf(nonce), {header, context}, plaintext,
                                  Data(envelope) + kHeaderSize + kXaesNonceSize));
  return envelope;
}

absl::StatusOr<std::string> Open(const SecretBytes& key, const EnvelopeKeyName& key_name, absl::string_view context,
                                 absl::string_view envelope) {
  if (!HeaderFits(envelope, kVersionXaes, key_name, kXaesNonceSize)) return errors::CiphertextRejected();
  const absl::string_view nonce = envelope.substr(kHeaderSize, kXaesNonceSize);
  XaesDerivedKey derived;
  POSTERN_RETURN_IF_ERROR(derived.Derive(key, nonce));
  return GcmOpen(derived.data(), SecondHalf(nonce), {envelope.substr(0, kHeaderSize), context},
                 envelope.substr(kHeaderSize + kXaesNonceSize));
}

absl::StatusOr<EnvelopeKeyName> KeyNameOf(absl::string_view envelope) {
  if (envelope.size() < kEnvelopeOverhead || envelope[0] != kVersionXaes)
    return errors::StoredBytesMalformed("envelope");
  EnvelopeKeyName name;
  std::memcpy(name.data(), envelope.data() + 1, name.size());
  return name;
}

absl::StatusOr<std::string> SealOnce(const SingleUseKey& key, absl::string_view context, absl::string_view plaintext) {
  if (key.key.size() != kAeadKeySize) return errors::Malformed("an AEAD key has 32 bytes");
  POSTERN_ASSIGN_OR_RETURN(std::string envelope,
                           StartEnvelope(kVersionSingleUse, key.commitment, kGcmNonceSize, plaintext.size()));
  const absl::string_view header = absl::string_view(envelope).substr(0, kHeaderSize);
  const absl::string_view nonce = absl::string_view(envelope).substr(kHeaderSize, kGcmNonceSize);
  POSTERN_RETURN_IF_ERROR(GcmSeal(Data(key.key.Reveal(SecretAccess::Granted())), nonce, {header, context}, plaintext,
                                  Data(envelope) + kHeaderSize + kGcmNonceSize));
  return envelope;
}

absl::StatusOr<std::string> OpenOnce(const SingleUseKey& key, absl::string_view context, absl::string_view envelope) {
  if (key.key.size() != kAeadKeySize) return errors::Malformed("an AEAD key has 32 bytes");
  if (!HeaderFits(envelope, kVersionSingleUse, key.commitment, kGcmNonceSize)) return errors::CiphertextRejected();
  return GcmOpen(Data(key.key.Reveal(SecretAccess::Granted())), envelope.substr(kHeaderSize, kGcmNonceSize),
                 {envelope.substr(0, kHeaderSize), context}, envelope.substr(kHeaderSize + kGcmNonceSize));
}

absl::StatusOr<std::string> XaesSeal(const SecretBytes& key, absl::string_view nonce, absl::string_view aad,
                                     absl::string_view plaintext) {
  XaesDerivedKey derived;
  POSTERN_RETURN_IF_ERROR(derived.Derive(key, nonce));
  std::string sealed;
  sealed.resize(plaintext.size() + kAeadTagSize);
  POSTERN_RETURN_IF_ERROR(GcmSeal(derived.data(), SecondHalf(nonce), {aad}, plaintext, Data(sealed)));
  return sealed;
}

absl::StatusOr<std::string> XaesOpen(const SecretBytes& key, absl::string_view nonce, absl::string_view aad,
                                     absl::string_view ciphertext_and_tag) {
  XaesDerivedKey derived;
  POSTERN_RETURN_IF_ERROR(derived.Derive(key, nonce));
  return GcmOpen(derived.data(), SecondHalf(nonce), {aad}, ciphertext_and_tag);
}

}  // namespace postern::crypto
