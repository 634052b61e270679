#include "server/crypto/signature.h"

#include <sys/stat.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/dsse.h"
#include "server/crypto/signed_note.h"
#include "tests/unit/server/crypto/crypto_test_util.h"

namespace postern::crypto {
namespace {

constexpr absl::string_view kType = "application/vnd.example+proto";

PrivateKey Ed25519FromSeed(absl::string_view seed_hex) {
  const std::string der = FromHex(absl::StrCat("302e020100300506032b657004220420", seed_hex));
  return *PrivateKey::FromPem(SecretBytes::CopyOf(
      absl::StrCat("-----BEGIN PRIVATE KEY-----\n", absl::Base64Escape(der), "\n-----END PRIVATE KEY-----\n")));
}

TEST(Signature, Rfc8032Ed25519) {
  const PrivateKey key = Ed25519FromSeed("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
  EXPECT_EQ(Hex(*key.public_key().RawEd25519()), "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  EXPECT_EQ(Hex(*key.Sign("\x72")),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
}

TEST(Signature, Rfc6979P256) {
  const absl::StatusOr<PublicKey> key =
      PublicKey::FromDer(FromHex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"
                                 "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                                 "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"));
  ASSERT_TRUE(key.ok());
  const std::string signature = FromHex(
      "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
      "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
  EXPECT_TRUE(key->Verify("sample", signature).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(key->Verify("samplf", signature)));
}

class SignatureAlgorithms : public testing::TestWithParam<SignatureAlgorithm> {};

TEST_P(SignatureAlgorithms, VerifiesOnlyItsOwnSignature) {
  const PrivateKey key = *PrivateKey::Generate(GetParam());
  const PrivateKey other = *PrivateKey::Generate(GetParam());
  const std::string signature = *key.Sign("message");
  EXPECT_TRUE(key.public_key().Verify("message", signature).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(other.public_key().Verify("message", signature)));
  EXPECT_TRUE(absl::IsPermissionDenied(key.public_key().Verify("messagf", signature)));
  EXPECT_TRUE(absl::IsPermissionDenied(key.public_key().Verify("message", "")));
  EXPECT_TRUE(absl::IsPermissionDenied(key.public_key().Verify("message", signature.substr(1))));
  EXPECT_TRUE(absl::IsPermissionDenied(key.public_key().Verify("message", signature + "x")));
}

TEST_P(SignatureAlgorithms, SurvivesItsFiles) {
  const TempDirectory directory;
  const std::string path = directory.File("key.pem");
  const PrivateKey key = *PrivateKey::Generate(GetParam());
  ASSERT_TRUE(key.SaveFile(path).ok());
  struct stat info;
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(ReasonOf(key.SaveFile(path)), v1::ERROR_REASON_ALREADY_EXISTS);

  const absl::StatusOr<PrivateKey> loaded = PrivateKey::LoadFile(path);
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded->algorithm(), GetParam());
  const absl::StatusOr<PublicKey> shared = PublicKey::FromPem(key.public_key().ToPem());
  ASSERT_TRUE(shared.ok());
  EXPECT_EQ(shared->key_id(), key.public_key().key_id());
  EXPECT_TRUE(shared->Verify("message", *loaded->Sign("message")).ok());

  for (const mode_t mode : {0640, 0604, 0610, 0660}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_TRUE(absl::IsFailedPrecondition(PrivateKey::LoadFile(path).status())) << mode;
  }
  EXPECT_TRUE(absl::IsNotFound(PrivateKey::LoadFile(directory.File("none.pem")).status()));
}

INSTANTIATE_TEST_SUITE_P(Both, SignatureAlgorithms,
                         testing::Values(SignatureAlgorithm::kEd25519, SignatureAlgorithm::kEcdsaP256Sha256));

TEST(Signature, RefusesOtherKeysAndNoise) {
  // A P-384 key, made with the openssl command.
  constexpr absl::string_view kP384 =
      "-----BEGIN PUBLIC KEY-----\n"
      "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEoIjemSymtdVmd6MZm9DHBgejNZHhcJba\n"
      "mD7DiWwSY+ziOa6nfURzIGRHClsKfjJr/Ow7wWDVPvAiENxHoGxm89J2MaTAEXEe\n"
      "wKTt0foJxNnyJTdG5qwN+sRfs5mfGU4z\n"
      "-----END PUBLIC KEY-----\n";
  EXPECT_EQ(PublicKey::FromPem(kP384).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(PublicKey::FromPem("noise").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(PublicKey::FromDer("noise").status().code(), absl::StatusCode::kInvalidArgument);
  const std::string der = PrivateKey::Generate(SignatureAlgorithm::kEd25519)->public_key().der();
  EXPECT_EQ(PublicKey::FromDer(der + "x").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(PrivateKey::FromPem(SecretBytes::CopyOf("noise")).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Dsse, PreAuthEncodingOfTheSpecification) {
  EXPECT_EQ(DssePreAuthEncoding("http://example.com/HelloWorld", "hello world"),
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
}

TEST(Dsse, AcceptsAnyTrustedSignerWhateverTheHintsSay) {
  const PrivateKey first = *PrivateKey::Generate(SignatureAlgorithm::kEd25519);
  const PrivateKey second = *PrivateKey::Generate(SignatureAlgorithm::kEcdsaP256Sha256);
  const PrivateKey* signers[] = {&first, &second};
  DsseEnvelope envelope = *DsseSign(kType, "payload", signers);
  ASSERT_EQ(envelope.signatures.size(), 2u);
  EXPECT_EQ(*DsseVerify(envelope, kType, {second.public_key()}), second.public_key().key_id());
  envelope.signatures[0].key_id = "carrier-2026";
  EXPECT_EQ(*DsseVerify(envelope, kType, {first.public_key()}), first.public_key().key_id());
}

// Clause: P1.4e
TEST(Dsse, RefusesStrangersOtherTypesAndAlteredBytes) {
  const PrivateKey signer = *PrivateKey::Generate(SignatureAlgorithm::kEd25519);
  const PrivateKey stranger = *PrivateKey::Generate(SignatureAlgorithm::kEd25519);
  const PrivateKey* signers[] = {&signer};
  const DsseEnvelope good = *DsseSign(kType, "payload", signers);
  ASSERT_TRUE(DsseVerify(good, kType, {signer.public_key()}).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(DsseVerify(good, kType, {stranger.public_key()}).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(DsseVerify(good, kType, {}).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(DsseVerify(good, "application/other", {signer.public_key()}).status()));
  DsseEnvelope altered = good;
  altered.payload[0] ^= 1;
  EXPECT_FALSE(DsseVerify(altered, kType, {signer.public_key()}).ok());
  altered = good;
  altered.payload_type = "application/other";
  EXPECT_FALSE(DsseVerify(altered, "application/other", {signer.public_key()}).ok());
  altered = good;
  altered.signatures.assign(9, good.signatures[0]);
  EXPECT_FALSE(DsseVerify(altered, kType, {signer.public_key()}).ok()) << "the work is bounded";
}

// The note and key of the documentation of golang.org/x/mod/sumdb/note.
TEST(SignedNote, OpensAnotherImplementationsNote) {
  constexpr absl::string_view kVerifier = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
  const std::string text =
      "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
  const std::string note =
      text +
      "\n\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6"
      "KE6RyyBwJnAM=\n";
  const absl::StatusOr<std::string> opened = OpenNote(note, kVerifier);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(*opened, text);
}

TEST(SignedNote, OpensItsOwnAndNothingAltered) {
  const NoteSigner signer =
      *NoteSigner::Create("shop.example/log", *PrivateKey::Generate(SignatureAlgorithm::kEd25519));
  const NoteSigner other = *NoteSigner::Create("shop.example/log", *PrivateKey::Generate(SignatureAlgorithm::kEd25519));
  const std::string note = *signer.Sign("line\n\nline after an empty one\n");
  EXPECT_EQ(*OpenNote(note, signer.VerifierKey()), "line\n\nline after an empty one\n");
  EXPECT_TRUE(absl::IsPermissionDenied(OpenNote(note, other.VerifierKey()).status()));
  for (size_t i = 0; i < note.size(); ++i) {
    std::string altered = note;
    altered[i] ^= 2;
    EXPECT_FALSE(OpenNote(altered, signer.VerifierKey()).ok()) << i;
  }
}

TEST(SignedNote, RefusesWhatTheFormatForbids) {
  const PrivateKey key = *PrivateKey::Generate(SignatureAlgorithm::kEd25519);
  for (const char* name : {"", "a b", "a+b", "a\nb"}) EXPECT_FALSE(NoteSigner::Create(name, key).ok()) << name;
  EXPECT_FALSE(NoteSigner::Create("log", *PrivateKey::Generate(SignatureAlgorithm::kEcdsaP256Sha256)).ok());
  const NoteSigner signer = *NoteSigner::Create("log", key);
  EXPECT_FALSE(signer.Sign("no newline").ok());
  EXPECT_FALSE(signer.Sign("control\x01\n").ok());
}

}  // namespace
}  // namespace postern::crypto
