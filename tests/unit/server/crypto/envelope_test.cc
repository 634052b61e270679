#include <array>

#include "absl/status/status.h"
#include "server/crypto/aead.h"
#include "server/crypto/payload_key.h"
#include "tests/unit/server/crypto/crypto_test_util.h"

namespace postern::crypto {
namespace {

constexpr absl::string_view kKeyHex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

EnvelopeKeyName Name(uint8_t first) {
  EnvelopeKeyName name;
  for (size_t i = 0; i < name.size(); ++i) name[i] = static_cast<uint8_t>(first + i);
  return name;
}

TEST(Xaes, C2spVectors) {
  const std::string nonce = "ABCDEFGHIJKLMNOPQRSTUVWX";
  EXPECT_EQ(Hex(*XaesSeal(FilledSecret(1), nonce, "", "XAES-256-GCM")),
            "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271");
  const std::string second = *XaesSeal(FilledSecret(3), nonce, "c2sp.org/XAES-256-GCM", "XAES-256-GCM");
  EXPECT_EQ(Hex(second), "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d");
  EXPECT_EQ(*XaesOpen(FilledSecret(3), nonce, "c2sp.org/XAES-256-GCM", second), "XAES-256-GCM");
  EXPECT_EQ(XaesSeal(SecretBytes::CopyOf("short"), nonce, "", "").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(XaesSeal(FilledSecret(1), "short", "", "").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Envelope, VectorsOfThePage) {
  EXPECT_EQ(*Open(SecretFromHex(kKeyHex), Name(0x10), "context",
                  FromHex("01101112131415161718191a1b1c1d1e1f404142434445464748494a4b4c4d4e4f5051525354555657"
                          "0ead27ba8e8700014d7d8c6d49743c31dddcb0fed49920cd40")),
            "plaintext");
  EXPECT_EQ(*OpenOnce({SecretFromHex(kKeyHex), Name(0x10)}, "context",
                      FromHex("02101112131415161718191a1b1c1d1e1f606162636465666768696a6b"
                              "9ab7fa3cd534e617088576a29a8a2bb3b14983c0b9a3acdd50")),
            "plaintext");
}

TEST(Envelope, OpensOnlyWhatWasSealedForTheSameKeyAndContext) {
  const SecretBytes key = SecretFromHex(kKeyHex);
  for (const std::string& plaintext : {std::string(), std::string("x"), std::string(100000, 'p')}) {
    const std::string envelope = *Seal(key, Name(1), "context", plaintext);
    EXPECT_EQ(envelope.size(), plaintext.size() + kEnvelopeOverhead);
    EXPECT_EQ(*KeyNameOf(envelope), Name(1));
    EXPECT_EQ(*Open(key, Name(1), "context", envelope), plaintext);
    EXPECT_NE(*Seal(key, Name(1), "context", plaintext), envelope) << "a nonce was used twice";
    EXPECT_TRUE(absl::IsDataLoss(Open(key, Name(1), "contexu", envelope).status()));
    EXPECT_TRUE(absl::IsDataLoss(Open(key, Name(2), "context", envelope).status()));
    EXPECT_TRUE(absl::IsDataLoss(Open(FilledSecret(1), Name(1), "context", envelope).status()));
  }
}

// Clause: P1.3a
TEST(Envelope, EveryFlippedBitAndEveryCutIsRefused) {
  const SecretBytes key = SecretFromHex(kKeyHex);
  const SingleUseKey once{SecretFromHex(kKeyHex), Name(9)};
  const std::string many = *Seal(key, Name(9), "context", "a name and a street");
  const std::string single = *SealOnce(once, "context", "a name and a street");
  EXPECT_EQ(single.size(), 19 + kSingleUseEnvelopeOverhead);
  for (size_t bit = 0; bit < many.size() * 8; ++bit) {
    std::string altered = many;
    altered[bit / 8] = static_cast<char>(altered[bit / 8] ^ (1 << bit % 8));
    EXPECT_TRUE(absl::IsDataLoss(Open(key, Name(9), "context", altered).status())) << bit;
  }
  for (size_t bit = 0; bit < single.size() * 8; ++bit) {
    std::string altered = single;
    altered[bit / 8] = static_cast<char>(altered[bit / 8] ^ (1 << bit % 8));
    EXPECT_TRUE(absl::IsDataLoss(OpenOnce(once, "context", altered).status())) << bit;
  }
  for (size_t size = 0; size < many.size(); ++size)
    EXPECT_FALSE(Open(key, Name(9), "context", many.substr(0, size)).ok());
  for (size_t size = 0; size < single.size(); ++size)
    EXPECT_FALSE(OpenOnce(once, "context", single.substr(0, size)).ok());
  EXPECT_FALSE(Open(key, Name(9), "context", single).ok());
  EXPECT_FALSE(OpenOnce(once, "context", many).ok());
}

KeyHandle MakeHandleOf(KeyKind kind, uint8_t name_byte, char secret) {
  KeyName name;
  name.fill(name_byte);
  return {KeyId(kind, KeyRealm::kStandard, name, 0), std::make_shared<const SecretBytes>(FilledSecret(secret))};
}

class PayloadKeyTest : public testing::Test {
 protected:
  PayloadKeyTest() {
    for (size_t i = 0; i < id_.size(); ++i) id_[i] = static_cast<char>(i);
    context_ = {id_, "partners/example", 7, "delivery", "shop.v1.Shipment"};
  }

  std::string id_ = std::string(16, '\0');
  PayloadContext context_;
  std::array<KeyHandle, 2> subjects_ = {MakeHandleOf(KeyKind::kSubject, 0xa2, 2),
                                        MakeHandleOf(KeyKind::kSubject, 0xa1, 1)};
  PayloadKeyParts parts_{subjects_, MakeHandleOf(KeyKind::kOrder, 0xb1, 3),
                         MakeHandleOf(KeyKind::kPartnerEpoch, 0xc1, 4)};
};

TEST_F(PayloadKeyTest, VectorOfThePageInWhateverOrderTheSubjectsCome) {
  const SingleUseKey key = *DerivePayloadKey(parts_, context_);
  EXPECT_EQ(Hex(key.key), "882adcdc9f3086783d53a7fb3df01d6ff20240aec75d5285fd0e1922076788c9");
  EXPECT_EQ(Hex(key.commitment), "9a2651a9b213633020f0d83aae218fa7");
  std::swap(subjects_[0], subjects_[1]);
  EXPECT_TRUE(DerivePayloadKey(parts_, context_)->key.Equals(key.key));
}

// Towards: P1.3e
// Towards: P1.5c
TEST_F(PayloadKeyTest, EveryInputKeyIsNeeded) {
  const std::string envelope = *SealPayload(parts_, context_, "payload");
  EXPECT_EQ(*OpenPayload(parts_, context_, envelope), "payload");
  for (KeyHandle* part : {&subjects_[0], &subjects_[1], &parts_.order, &parts_.partner_epoch}) {
    const KeyHandle kept = *part;
    part->secret = std::make_shared<const SecretBytes>(FilledSecret(99));
    EXPECT_TRUE(absl::IsDataLoss(OpenPayload(parts_, context_, envelope).status()));
    part->secret = nullptr;
    EXPECT_EQ(OpenPayload(parts_, context_, envelope).status().code(), absl::StatusCode::kInvalidArgument);
    *part = kept;
  }
  parts_.subjects = absl::MakeConstSpan(subjects_).first(1);
  EXPECT_TRUE(absl::IsDataLoss(OpenPayload(parts_, context_, envelope).status()));
  parts_.subjects = {};
  EXPECT_EQ(OpenPayload(parts_, context_, envelope).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(PayloadKeyTest, RefusesWrongKindsAndASubjectNamedTwice) {
  subjects_[1] = subjects_[0];
  EXPECT_EQ(DerivePayloadKey(parts_, context_).status().code(), absl::StatusCode::kInvalidArgument);
  subjects_[1] = MakeHandleOf(KeyKind::kOrder, 0xa1, 1);
  EXPECT_EQ(DerivePayloadKey(parts_, context_).status().code(), absl::StatusCode::kInvalidArgument);
}

// Clause: P1.2a
TEST_F(PayloadKeyTest, EveryPartOfTheContextCounts) {
  const std::string envelope = *SealPayload(parts_, context_, "payload");
  const std::string other_id(16, 'z');
  PayloadContext changed[5] = {context_, context_, context_, context_, context_};
  changed[0].disclosure_id = other_id;
  changed[1].partner = "partners/other";
  changed[2].epoch = 8;
  changed[3].purpose = "customs";
  changed[4].record_type = "shop.v1.Order";
  for (const PayloadContext& context : changed) {
    EXPECT_TRUE(absl::IsDataLoss(OpenPayload(parts_, context, envelope).status()));
  }
}

TEST(PayloadContext, EncodingIsInjective) {
  EXPECT_NE(EncodePayloadContext({"", "ab", 0, "c", ""}), EncodePayloadContext({"", "a", 0, "bc", ""}));
  EXPECT_NE(EncodePayloadContext({"", "", 0, "ab", "c"}), EncodePayloadContext({"", "", 0, "a", "bc"}));
}

}  // namespace
}  // namespace postern::crypto
