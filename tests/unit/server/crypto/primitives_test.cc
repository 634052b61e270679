#include <set>
#include <type_traits>

#include "absl/status/status.h"
#include "proto/errors/error.h"
#include "server/crypto/handle.h"
#include "server/crypto/hkdf.h"
#include "server/crypto/hmac.h"
#include "server/crypto/merkle.h"
#include "server/crypto/name_digest.h"
#include "server/crypto/random.h"
#include "server/crypto/sha256.h"
#include "server/crypto/uuid7.h"
#include "tests/unit/server/crypto/crypto_test_util.h"

namespace postern::crypto {
namespace {

TEST(Secret, ComparesByContentAndMovesWithoutCopy) {
  SecretBytes a = SecretBytes::CopyOf("key");
  EXPECT_TRUE(a.Equals(SecretBytes::CopyOf("key")));
  EXPECT_FALSE(a.Equals(SecretBytes::CopyOf("kez")));
  EXPECT_FALSE(a.Equals(SecretBytes::CopyOf("keys")));
  const SecretBytes b = std::move(a);
  EXPECT_EQ(b.Reveal(SecretAccess::Granted()), "key");
  static_assert(!std::is_copy_constructible_v<SecretBytes> && !std::is_copy_constructible_v<PersonalString>);
}

TEST(Random, NeverRepeats) {
  std::set<std::string> seen;
  for (int i = 0; i < 2000; ++i) {
    std::string nonce(24, '\0');
    ASSERT_TRUE(FillRandom(reinterpret_cast<uint8_t*>(nonce.data()), nonce.size()).ok());
    EXPECT_TRUE(seen.insert(nonce).second);
  }
}

TEST(Sha256, OfPartsIsOfTheirConcatenation) {
  EXPECT_EQ(Hex(Sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");  // FIPS 180-4
  EXPECT_EQ(Sha256({"a", "", "bc"}), Sha256("abc"));
}

TEST(Hmac, Rfc4231) {
  struct Vector {
    std::string key, data;
    absl::string_view mac;
  };
  const Vector vectors[] = {
      {std::string(20, '\x0b'), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
  };
  for (const Vector& v : vectors) {
    const HmacKey key(SecretBytes::CopyOf(v.key));
    EXPECT_EQ(Hex(key.Sign(v.data)), v.mac);
    EXPECT_EQ(Hex(key.Sign({v.data.substr(0, 3), v.data.substr(3)})), v.mac) << "the state is used again";
    EXPECT_EQ(Hex(HmacOnce(v.key, {v.data})), v.mac);
  }
}

TEST(Hkdf, Rfc5869) {
  const SecretBytes material = SecretBytes::CopyOf(std::string(22, '\x0b'));
  const SecretBytes* parts[] = {&material};
  const SecretBytes prk = HkdfExtract(FromHex("000102030405060708090a0b0c"), parts);
  EXPECT_EQ(Hex(prk), "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
  EXPECT_EQ(Hex(*HkdfExpand(prk, FromHex("f0f1f2f3f4f5f6f7f8f9"), 42)),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  EXPECT_EQ(Hex(*HkdfExpand(HkdfExtract("", parts), "", 42)),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
  EXPECT_EQ(HkdfExpand(prk, "", 255 * 32 + 1).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(NameDigest, SeparatesDomainsAndNumbers) {
  const HmacKey key(FilledSecret(1));
  std::set<Sha256Digest> seen;
  seen.insert(DigestName(key, NameDomain::kSubject, "17"));
  seen.insert(DigestName(key, NameDomain::kOrder, "17"));
  seen.insert(DigestName(key, NameDomain::kPartnerEpoch, "17", 1));
  seen.insert(DigestName(key, NameDomain::kPartnerEpoch, "17", 2));
  seen.insert(DigestName(HmacKey(FilledSecret(2)), NameDomain::kSubject, "17"));
  EXPECT_EQ(seen.size(), 5u);
}

// Towards: P1.4d
TEST(Handle, IsStableForOnePartnerAndUnlinkableBetweenPartners) {
  const HmacKey carrier(FilledSecret(5));
  EXPECT_EQ(Hex(MakeHandle(carrier, "delivery", "order-1")),
            "a480fd319679b9475347c93ac641b2bd6652e84a70010b57f89d53b16bacf167");
  EXPECT_NE(MakeHandle(carrier, "delivery", "order-1"), MakeHandle(carrier, "customs", "order-1"));
  EXPECT_NE(MakeHandle(carrier, "delivery", "order-1"), MakeHandle(HmacKey(FilledSecret(6)), "delivery", "order-1"));
}

TEST(Uuid7, ReadsTheExampleOfRfc9562) {
  const absl::StatusOr<Uuid> id = ParseUuid7("017F22E2-79B0-7CC3-98C4-DC0C0C07398F");
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(id->time(), absl::FromUnixMillis(1645557742000));
  EXPECT_EQ(id->ToString(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
  EXPECT_EQ(*Uuid7FromBytes(id->AsBytes()), *id);
}

TEST(Uuid7, RefusesOtherTexts) {
  for (absl::string_view text : {"", "017f22e2-79b0-4cc3-98c4-dc0c0c07398f", "017f22e2-79b0-7cc3-18c4-dc0c0c07398f",
                                 "017f22e279b07cc398c4dc0c0c07398f", "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
                                 "017f22e2-79b0-7cc3-98c4+dc0c0c07398f", "{17f22e2-79b0-7cc3-98c4-dc0c0c07398f"}) {
    EXPECT_EQ(ReasonOf(ParseUuid7(text).status()), v1::ERROR_REASON_REQUEST_ID_INVALID) << text;
  }
}

TEST(Uuid7, GrowsEvenIfTheClockStandsOrStepsBack) {
  Uuid7Generator generator;
  const absl::Time start = absl::FromUnixMillis(1700000000000);
  Uuid last = *generator.Next(start);
  for (int i = 0; i < 20000; ++i) {
    const absl::Time now = start + absl::Milliseconds(i % 3 == 0 ? -1000 : i / 1000);
    const Uuid next = *generator.Next(now);
    ASSERT_TRUE(last < next);
    ASSERT_TRUE(Uuid7FromBytes(next.AsBytes()).ok());
    last = next;
  }
  EXPECT_LT(last.time(), start + absl::Seconds(1));
}

// The leaves and roots that Certificate Transparency's own tests use for RFC 6962.
TEST(MerkleFrontier, Rfc6962Roots) {
  const std::string leaves[] = {"",
                                FromHex("00"),
                                FromHex("10"),
                                FromHex("2021"),
                                FromHex("3031"),
                                FromHex("40414243"),
                                FromHex("5051525354555657"),
                                FromHex("606162636465666768696a6b6c6d6e6f")};
  const absl::string_view roots[] = {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                                     "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                                     "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                                     "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                                     "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                                     "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                                     "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                                     "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  MerkleFrontier frontier;
  EXPECT_EQ(Hex(frontier.Root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  std::vector<MerkleNode> completed;
  for (size_t i = 0; i < 8; ++i) {
    frontier.Append(MerkleLeafHash(leaves[i]), &completed);
    EXPECT_EQ(Hex(frontier.Root()), roots[i]);
    const absl::StatusOr<MerkleFrontier> reread = MerkleFrontier::Parse(frontier.Serialize());
    ASSERT_TRUE(reread.ok());
    EXPECT_EQ(reread->size(), i + 1);
    EXPECT_EQ(reread->Root(), frontier.Root());
  }
  EXPECT_EQ(completed.size(), 8u + 4 + 2 + 1);
  EXPECT_EQ(completed.back().level, 3);
  EXPECT_EQ(completed.back().hash, frontier.Root());
}

TEST(MerkleFrontier, RefusesBytesOfAnotherLength) {
  MerkleFrontier frontier;
  frontier.Append(MerkleLeafHash("leaf"));
  const std::string bytes = frontier.Serialize();
  for (const std::string& bad : {std::string(), bytes.substr(1), bytes + "x", bytes.substr(0, 8)}) {
    EXPECT_TRUE(absl::IsDataLoss(MerkleFrontier::Parse(bad).status()));
  }
}

}  // namespace
}  // namespace postern::crypto
