// The verifier alone, against published vectors and against the RFC's recursive definitions written out as they stand.
#include <openssl/evp.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/verify/checkpoint.h"
#include "client/verify/dsse.h"
#include "client/verify/merkle.h"
#include "client/verify/public_key.h"
#include "client/verify/signed_note.h"
#include "gtest/gtest.h"

namespace postern::client::verify {
namespace {

std::string FromHex(absl::string_view hex) {
  return absl::HexStringToBytes(hex);
}
std::string Hex(const Hash& hash) {
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(hash.data()), hash.size()));
}

constexpr absl::string_view kVerifierKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr absl::string_view kText =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
constexpr absl::string_view kSignatureLine =
    "\u2014 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

Hash Node(const Hash& left, const Hash& right) {
  std::string bytes("\x01");
  bytes.append(left.begin(), left.end()).append(right.begin(), right.end());
  Hash hash;
  EXPECT_EQ(EVP_Digest(bytes.data(), bytes.size(), hash.data(), nullptr, EVP_sha256(), nullptr), 1);
  return hash;
}

size_t LargestPowerBelow(size_t n) {
  size_t k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

using Leaves = absl::Span<const Hash>;

Hash Mth(Leaves d) {
  if (d.size() == 1) return d[0];
  const size_t k = LargestPowerBelow(d.size());
  return Node(Mth(d.first(k)), Mth(d.subspan(k)));
}

std::vector<Hash> Path(size_t m, Leaves d) {
  if (d.size() == 1) return {};
  const size_t k = LargestPowerBelow(d.size());
  std::vector<Hash> path = m < k ? Path(m, d.first(k)) : Path(m - k, d.subspan(k));
  path.push_back(m < k ? Mth(d.subspan(k)) : Mth(d.first(k)));
  return path;
}

std::vector<Hash> Subproof(size_t m, Leaves d, bool complete) {
  if (m == d.size()) return complete ? std::vector<Hash>{} : std::vector<Hash>{Mth(d)};
  const size_t k = LargestPowerBelow(d.size());
  std::vector<Hash> proof = m <= k ? Subproof(m, d.first(k), complete) : Subproof(m - k, d.subspan(k), false);
  proof.push_back(m <= k ? Mth(d.subspan(k)) : Mth(d.first(k)));
  return proof;
}

TEST(Merkle, Rfc6962Roots) {
  const std::string leaves[] = {"",
                                FromHex("00"),
                                FromHex("10"),
                                FromHex("2021"),
                                FromHex("3031"),
                                FromHex("40414243"),
                                FromHex("5051525354555657"),
                                FromHex("606162636465666768696a6b6c6d6e6f")};
  LogRecomputer log;
  EXPECT_EQ(Hex(log.Root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  log.Add(leaves[0]);
  EXPECT_EQ(Hex(log.Root()), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
  for (int i = 1; i < 5; ++i) log.Add(leaves[i]);
  EXPECT_EQ(Hex(log.Root()), "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4");
  for (int i = 5; i < 8; ++i) log.Add(leaves[i]);
  EXPECT_EQ(Hex(log.Root()), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
  EXPECT_EQ(log.size(), 8u);
}

TEST(Merkle, AgreesWithTheDefinitionsAtEverySize) {
  constexpr size_t kLargest = 70;
  std::vector<Hash> leaves, roots = {LogRecomputer().Root()};
  LogRecomputer log;
  for (size_t i = 0; i < kLargest; ++i) {
    leaves.push_back(LeafHash(absl::StrCat(i)));
    log.Add(absl::StrCat(i));
    roots.push_back(Mth(leaves));
    ASSERT_EQ(log.Root(), roots.back());
  }
  for (size_t n = 1; n <= kLargest; ++n) {
    const Leaves d = Leaves(leaves).first(n);
    for (size_t m = 0; m < n; ++m) {
      std::vector<Hash> proof = Path(m, d);
      ASSERT_TRUE(VerifyInclusion(leaves[m], m, n, proof, roots[n]).ok());
      for (size_t i = 0; i < proof.size(); ++i) {
        proof[i][0] ^= 1;
        ASSERT_FALSE(VerifyInclusion(leaves[m], m, n, proof, roots[n]).ok());
        proof[i][0] ^= 1;
      }
      proof.push_back(roots[n]);
      ASSERT_FALSE(VerifyInclusion(leaves[m], m, n, proof, roots[n]).ok());
    }
    for (size_t m = 1; m <= n; ++m) {
      std::vector<Hash> proof = Subproof(m, d, true);
      ASSERT_TRUE(VerifyConsistency(m, roots[m], n, roots[n], proof).ok());
      for (size_t i = 0; i < proof.size(); ++i) {
        proof[i][31] ^= 0x80;
        ASSERT_FALSE(VerifyConsistency(m, roots[m], n, roots[n], proof).ok());
        proof[i][31] ^= 0x80;
      }
      proof.push_back(roots[n]);
      ASSERT_FALSE(VerifyConsistency(m, roots[m], n, roots[n], proof).ok());
    }
  }
}

TEST(Merkle, RefusesImpossiblePositions) {
  const Hash hash = LeafHash("leaf");
  EXPECT_TRUE(VerifyInclusion(hash, 0, 1, {}, hash).ok());
  EXPECT_TRUE(absl::IsDataLoss(VerifyInclusion(hash, 1, 1, {}, hash)));
  EXPECT_TRUE(absl::IsDataLoss(VerifyInclusion(hash, 0, 0, {}, hash)));
  EXPECT_TRUE(absl::IsDataLoss(VerifyConsistency(2, hash, 1, hash, {})));
  EXPECT_TRUE(absl::IsDataLoss(VerifyConsistency(0, hash, 1, hash, {})));
  EXPECT_TRUE(absl::IsDataLoss(VerifyConsistency(1, hash, 1, LeafHash("other"), {})));
  EXPECT_TRUE(absl::IsDataLoss(VerifyConsistency(1, hash, 2, hash, {})));
}

// The note and key of the documentation of golang.org/x/mod/sumdb/note.
TEST(SignedNote, OpensAnotherImplementationsNote) {
  const NoteVerifier verifier = *NoteVerifier::Parse(kVerifierKey);
  EXPECT_EQ(verifier.name(), "PeterNeumann");
  EXPECT_EQ(*verifier.Open(absl::StrCat(kText, "\n", kSignatureLine)), kText);
  EXPECT_EQ(*verifier.Open(absl::StrCat(kText, "\n\u2014 Witness AAAAAAAA\n", kSignatureLine)), kText);
}

TEST(SignedNote, RefusesAlteredAndMalformedNotes) {
  const NoteVerifier verifier = *NoteVerifier::Parse(kVerifierKey);
  const std::string note = absl::StrCat(kText, "\n", kSignatureLine);
  for (size_t i = 0; i < note.size(); ++i) {
    std::string altered = note;
    altered[i] ^= 2;
    EXPECT_FALSE(verifier.Open(altered).ok()) << i;
  }
  for (size_t size = 0; size < note.size(); ++size) EXPECT_FALSE(verifier.Open(note.substr(0, size)).ok());
  EXPECT_TRUE(absl::IsDataLoss(verifier.Open(absl::StrCat(kText, "\n\u2014 Witness AAAAAAAA\n")).status()));
  EXPECT_FALSE(verifier.Open(absl::StrCat(kText, "\n", kSignatureLine, "noise\n")).ok());
}

TEST(SignedNote, RefusesVerifierKeysThatDoNotFit) {
  for (const char* bad : {"", "PeterNeumann", "PeterNeumann+c74f20a3",
                          "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                          "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                          "PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "+c74f20a3+AQ=="}) {
    EXPECT_EQ(NoteVerifier::Parse(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(Checkpoint, ParsesOnlyTheFormat) {
  const std::string root = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  EXPECT_EQ(ParseCheckpoint("log\n42\n" + root + "\n")->size, 42u);
  EXPECT_EQ(ParseCheckpoint("log\n42\n" + root + "\nextension\n")->origin, "log");
  for (const std::string& bad :
       {"log\n042\n" + root + "\n", "log\n+42\n" + root + "\n", "\n42\n" + root + "\n", "log\n42\n" + root,
        "log\n\n" + root + "\n", std::string("log\n42\n"), std::string("log\n42\nAAAA\n")}) {
    EXPECT_EQ(ParseCheckpoint(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

std::string Pem(const std::string& der) {
  return absl::StrCat("-----BEGIN PUBLIC KEY-----\n", absl::Base64Escape(der), "\n-----END PUBLIC KEY-----\n");
}

TEST(PublicKey, Rfc8032AndRfc6979) {
  const std::string raw = FromHex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const PublicKey ed25519 = *PublicKey::FromRawEd25519(raw);
  const std::string signature = FromHex(
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  EXPECT_TRUE(ed25519.Verify("\x72", signature).ok());
  EXPECT_TRUE(absl::IsDataLoss(ed25519.Verify("\x73", signature)));
  EXPECT_EQ(PublicKey::FromPem(Pem(FromHex("302a300506032b6570032100") + raw))->key_id(), ed25519.key_id());

  const PublicKey p256 =
      *PublicKey::FromPem(Pem(FromHex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"
                                      "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                                      "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299")));
  const std::string ecdsa = FromHex(
      "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
      "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
  EXPECT_TRUE(p256.Verify("sample", ecdsa).ok());
  EXPECT_TRUE(absl::IsDataLoss(p256.Verify("sample", ecdsa.substr(1))));
  EXPECT_EQ(PublicKey::FromPem("noise").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(PublicKey::FromRawEd25519("short").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Dsse, VerifiesOverTheCarriedBytes) {
  EXPECT_EQ(PreAuthEncoding("http://example.com/HelloWorld", "hello world"),
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  ASSERT_NE(key, nullptr);
  std::string raw(32, '\0'), signature(64, '\0');
  size_t raw_size = raw.size(), signature_size = signature.size();
  ASSERT_EQ(EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(raw.data()), &raw_size), 1);
  const std::string message = "DSSEv1 4 type 7 payload";
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ASSERT_EQ(EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key), 1);
  ASSERT_EQ(EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &signature_size,
                           reinterpret_cast<const unsigned char*>(message.data()), message.size()),
            1);
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);

  const PublicKey trusted = *PublicKey::FromRawEd25519(raw);
  const SignatureView signatures[] = {{"someone else", "noise"}, {"", signature}};
  EXPECT_EQ(*VerifyEnvelope("type", "payload", signatures, {trusted}), trusted.key_id());
  EXPECT_TRUE(absl::IsDataLoss(VerifyEnvelope("type", "payloae", signatures, {trusted}).status()));
  EXPECT_TRUE(absl::IsDataLoss(VerifyEnvelope("typf", "payload", signatures, {trusted}).status()));
  EXPECT_TRUE(absl::IsDataLoss(VerifyEnvelope("type", "payload", {}, {trusted}).status()));
  EXPECT_TRUE(absl::IsDataLoss(VerifyEnvelope("type", "payload", signatures, {}).status()));
}

}  // namespace
}  // namespace postern::client::verify
