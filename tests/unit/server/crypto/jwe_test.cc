// JSON Web Encryption: the vector of RFC 7518, and what is made is opened by the RFCs' words.
#include "server/crypto/jwe.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace postern::crypto {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

std::string Decode(absl::string_view text) {
  std::string bytes;
  EXPECT_TRUE(absl::WebSafeBase64Unescape(text, &bytes));
  return bytes;
}

// A P-256 key from the members of a JSON Web Key; `d` may be empty.
Key FromJwk(absl::string_view x, absl::string_view y, absl::string_view d) {
  const std::string point = absl::StrCat("\x04", Decode(x), Decode(y));
  const std::string secret = Decode(d);
  OSSL_PARAM_BLD* build = OSSL_PARAM_BLD_new();
  BIGNUM* number = BN_bin2bn(reinterpret_cast<const uint8_t*>(secret.data()), static_cast<int>(secret.size()), nullptr);
  OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
  OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  if (!secret.empty()) OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, number);
  OSSL_PARAM* parameters = OSSL_PARAM_BLD_to_param(build);
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr);
  EVP_PKEY* key = nullptr;
  EVP_PKEY_fromdata_init(context);
  EXPECT_EQ(EVP_PKEY_fromdata(context, &key, secret.empty() ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR, parameters), 1);
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(parameters);
  OSSL_PARAM_BLD_free(build);
  BN_free(number);
  return Key(key, EVP_PKEY_free);
}

std::string PublicPem(const EVP_PKEY* key) {
  BIO* out = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(out, key);
  char* text = nullptr;
  const auto size = static_cast<size_t>(BIO_get_mem_data(out, &text));
  std::string pem(text, size);
  BIO_free(out);
  return pem;
}

Key NewKey(const char* group) {
  return Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", group), EVP_PKEY_free);
}

// The member of a flat JSON object whose value is a string.
std::string Member(const std::string& json, const std::string& name) {
  const std::string before = absl::StrCat("\"", name, "\":\"");
  const size_t at = json.find(before);
  EXPECT_NE(at, std::string::npos) << json;
  const size_t begin = at + before.size();
  return json.substr(begin, json.find('"', begin) - begin);
}

// Opens the compact form, by RFC 7516, section 5.2; "" if the tag is wrong.
std::string Decrypt(EVP_PKEY* own, const std::string& compact) {
  const std::vector<std::string> parts = absl::StrSplit(compact, '.');
  EXPECT_THAT(parts, SizeIs(5));
  EXPECT_EQ(parts[1], "") << "direct agreement has no encrypted key";
  const std::string header = Decode(parts[0]);
  const Key ephemeral = FromJwk(Member(header, "x"), Member(header, "y"), "");
  const SecretBytes key = ConcatKdf(*AgreeP256(own, ephemeral.get()), Member(header, "enc"), "", "", 256);
  const std::string nonce = Decode(parts[2]);
  const std::string ciphertext = Decode(parts[3]);
  std::string tag = Decode(parts[4]);
  std::string plaintext(ciphertext.size(), '\0');
  const auto bytes = [](absl::string_view text) { return reinterpret_cast<const uint8_t*>(text.data()); };
  auto* out = reinterpret_cast<uint8_t*>(plaintext.data());
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  int size = 0;
  EVP_DecryptInit_ex2(context, EVP_aes_256_gcm(), bytes(key.Reveal(SecretAccess::Granted())), bytes(nonce), nullptr);
  EVP_DecryptUpdate(context, nullptr, &size, bytes(parts[0]), static_cast<int>(parts[0].size()));
  EVP_DecryptUpdate(context, out, &size, bytes(ciphertext), static_cast<int>(ciphertext.size()));
  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, tag.data());
  const bool good = EVP_DecryptFinal_ex(context, out + size, &size) == 1;
  EVP_CIPHER_CTX_free(context);
  return good ? plaintext : "";
}

TEST(JweTest, AgreesAsRfc7518AppendixCDoes) {
  const Key alice =
      FromJwk("gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0", "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
              "0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo");
  const Key bob = FromJwk("weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ", "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
                          "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw");
  const absl::StatusOr<SecretBytes> agreed = AgreeP256(alice.get(), bob.get());
  ASSERT_TRUE(agreed.ok()) << agreed.status();
  EXPECT_TRUE(agreed->Equals(*AgreeP256(bob.get(), alice.get())));
  const uint8_t z[] = {158, 86, 217, 29,  129, 113, 53,  211, 114, 131, 66,  131, 191, 132, 38,  156,
                       251, 49, 110, 163, 218, 128, 106, 72,  246, 218, 167, 121, 140, 254, 144, 196};
  EXPECT_EQ(agreed->Reveal(SecretAccess::Granted()), absl::string_view(reinterpret_cast<const char*>(z), sizeof(z)));
  const SecretBytes key = ConcatKdf(*agreed, "A128GCM", "Alice", "Bob", 128);
  EXPECT_EQ(absl::WebSafeBase64Escape(key.Reveal(SecretAccess::Granted())), "VqqN6vgjbSBcIijNcacQGg");
}

TEST(JweTest, TheRecipientOpensItAndNobodyElse) {
  const Key own = NewKey("P-256");
  const auto recipient = JweRecipient::FromPem("2026 \"a\"\\\n", PublicPem(own.get()));
  ASSERT_TRUE(recipient.ok()) << recipient.status();
  for (const std::string& text : {std::string(), std::string("{}"), std::string(100'000, 'x')}) {
    const auto compact = recipient->Encrypt("json", text);
    ASSERT_TRUE(compact.ok()) << compact.status();
    EXPECT_EQ(Decrypt(own.get(), *compact), text);
  }
  const std::string compact = *recipient->Encrypt("json", "secret");
  const std::string header = Decode(compact.substr(0, compact.find('.')));
  EXPECT_EQ(Member(header, "alg"), "ECDH-ES");
  EXPECT_EQ(Member(header, "enc"), "A256GCM");
  EXPECT_EQ(Member(header, "cty"), "json");
  EXPECT_THAT(header, HasSubstr(R"("kid":"2026 \u0022a\u0022\u005c\u000a")"));
  EXPECT_EQ(Decrypt(NewKey("P-256").get(), compact), "");
  const std::string other = *recipient->Encrypt("json", "secret");
  EXPECT_NE(Member(header, "x"), Member(Decode(other.substr(0, other.find('.'))), "x")) << "a fresh key for each";
}

TEST(JweTest, OnlyPublicKeysOfP256AreTaken) {
  EXPECT_EQ(JweRecipient::FromPem("k", PublicPem(NewKey("P-384").get())).status().code(),
            absl::StatusCode::kInvalidArgument);
  const Key ed25519(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free);
  EXPECT_EQ(JweRecipient::FromPem("k", PublicPem(ed25519.get())).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(JweRecipient::FromPem("k", "no key").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace postern::crypto
