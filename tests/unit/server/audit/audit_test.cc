#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/verify/checkpoint.h"
#include "client/verify/leaf.h"
#include "client/verify/merkle.h"
#include "gtest/gtest.h"
#include "server/audit/checkpoint.h"
#include "server/audit/leaf.h"
#include "server/audit/proof.h"
#include "server/crypto/merkle.h"

namespace postern::audit {
namespace {

using crypto::MerkleNode;
using crypto::Sha256Digest;

constexpr uint64_t kLargest = 130;

// A log of 130 leaves with every node that the frontier completed on the way, and the root at every size.
class AuditProofs : public testing::Test {
 protected:
  AuditProofs() {
    crypto::MerkleFrontier frontier;
    roots_.push_back(frontier.Root());
    for (uint64_t i = 0; i < kLargest; ++i) {
      leaves_.push_back(crypto::MerkleLeafHash(absl::StrCat("leaf ", i)));
      std::vector<MerkleNode> completed;
      frontier.Append(leaves_.back(), &completed);
      for (const MerkleNode& node : completed) nodes_[{node.level, node.index}] = node.hash;
      roots_.push_back(frontier.Root());
    }
  }

  absl::StatusOr<Sha256Digest> Read(uint8_t level, uint64_t index) const {
    const auto found = nodes_.find({level, index});
    if (found == nodes_.end()) return absl::InternalError("a node that is not complete was asked for");
    return found->second;
  }

  std::vector<Sha256Digest> leaves_, roots_;
  std::map<std::pair<uint8_t, uint64_t>, Sha256Digest> nodes_;
};

// Clause: P1.3c
TEST_F(AuditProofs, TheIndependentVerifierAcceptsEveryInclusionProof) {
  const auto reader = [this](uint8_t level, uint64_t index) { return Read(level, index); };
  for (uint64_t size = 1; size <= kLargest; ++size) {
    for (uint64_t index = 0; index < size; ++index) {
      const absl::StatusOr<std::vector<Sha256Digest>> proof = InclusionProof(index, size, reader);
      ASSERT_TRUE(proof.ok()) << proof.status();
      ASSERT_TRUE(client::verify::VerifyInclusion(leaves_[index], index, size, *proof, roots_[size]).ok())
          << index << "/" << size;
      const uint64_t other = (index + 1) % kLargest;
      ASSERT_FALSE(client::verify::VerifyInclusion(leaves_[other], index, size, *proof, roots_[size]).ok());
      if (other < size) {
        ASSERT_FALSE(client::verify::VerifyInclusion(leaves_[index], other, size, *proof, roots_[size]).ok());
      }
    }
  }
}

// Clause: P1.3c
TEST_F(AuditProofs, TheIndependentVerifierAcceptsEveryConsistencyProof) {
  const auto reader = [this](uint8_t level, uint64_t index) { return Read(level, index); };
  for (uint64_t size = 0; size <= kLargest; ++size) {
    for (uint64_t old = 0; old <= size; ++old) {
      const absl::StatusOr<std::vector<Sha256Digest>> proof = ConsistencyProof(old, size, reader);
      ASSERT_TRUE(proof.ok()) << proof.status();
      ASSERT_TRUE(client::verify::VerifyConsistency(old, roots_[old], size, roots_[size], *proof).ok())
          << old << "/" << size;
      if (old == 0) continue;
      ASSERT_FALSE(client::verify::VerifyConsistency(old, roots_[old - 1], size, roots_[size], *proof).ok());
      if (old < size) {
        ASSERT_FALSE(client::verify::VerifyConsistency(old, roots_[old], size, roots_[size - 1], *proof).ok());
      }
    }
  }
}

TEST_F(AuditProofs, MutatedProofsAreRefused) {
  const auto reader = [this](uint8_t level, uint64_t index) { return Read(level, index); };
  for (const auto& [small, size] :
       std::vector<std::pair<uint64_t, uint64_t>>{{5, 11}, {64, 130}, {77, 128}, {100, 127}, {1, 2}}) {
    const std::vector<Sha256Digest> inclusion = *InclusionProof(small, size, reader);
    const std::vector<Sha256Digest> consistency = *ConsistencyProof(small, size, reader);
    const auto refused = [&, old = small, total = size](std::vector<Sha256Digest> path,
                                                        std::vector<Sha256Digest> subproof) {
      EXPECT_TRUE(absl::IsDataLoss(client::verify::VerifyInclusion(leaves_[old], old, total, path, roots_[total])));
      EXPECT_TRUE(
          absl::IsDataLoss(client::verify::VerifyConsistency(old, roots_[old], total, roots_[total], subproof)));
    };
    const auto mutate = [](std::vector<Sha256Digest> proof, size_t at, int how) {
      at %= proof.size();
      if (how == 0) proof[at][at % 32] ^= 1;
      if (how == 1) proof.erase(proof.begin() + at);
      if (how == 2) proof.insert(proof.begin() + at, proof[at]);
      if (how == 3) proof.push_back(proof[at]);
      return proof;
    };
    for (size_t at = 0; at < 8; ++at) {
      for (int how = 0; how < 4; ++how) refused(mutate(inclusion, at, how), mutate(consistency, at, how));
    }
    refused({}, {});
  }
}

TEST_F(AuditProofs, PositionsOutsideTheTreeAndReaderErrorsEndTheProof) {
  const auto reader = [this](uint8_t level, uint64_t index) { return Read(level, index); };
  EXPECT_EQ(InclusionProof(5, 5, reader).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(InclusionProof(0, 0, reader).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ConsistencyProof(6, 5, reader).status().code(), absl::StatusCode::kInvalidArgument);
  const auto failing = [](uint8_t, uint64_t) -> absl::StatusOr<Sha256Digest> { return absl::UnavailableError("gone"); };
  EXPECT_TRUE(absl::IsUnavailable(InclusionProof(1, 5, failing).status()));
  EXPECT_TRUE(absl::IsUnavailable(ConsistencyProof(3, 5, failing).status()));
}

TEST(AuditLeaf, TheVerifierReadsWhatTheServerWrites) {
  const crypto::SecretBytes salt = *NewCommitmentSalt();
  const Sha256Digest commitment = *CommitToPrivatePart(salt, "private part");
  const std::string bytes = EncodeLeaf("metadata", commitment);
  EXPECT_EQ(DecodeLeaf(bytes)->metadata, "metadata");
  EXPECT_EQ(DecodeLeaf(bytes)->commitment, commitment);

  const client::verify::Leaf leaf = *client::verify::ParseLeaf(bytes);
  EXPECT_EQ(leaf.metadata, "metadata");
  const absl::string_view opened = salt.Reveal(crypto::SecretAccess::Granted());
  EXPECT_TRUE(client::verify::VerifyCommitment(leaf, opened, "private part").ok());
  EXPECT_TRUE(absl::IsDataLoss(client::verify::VerifyCommitment(leaf, opened, "another part")));
  EXPECT_TRUE(absl::IsDataLoss(client::verify::VerifyCommitment(leaf, std::string(32, 's'), "private part")));
  EXPECT_NE(*CommitToPrivatePart(*NewCommitmentSalt(), "private part"), commitment);
  EXPECT_FALSE(CommitToPrivatePart(crypto::SecretBytes::CopyOf("short"), "").ok());
}

TEST(AuditLeaf, OtherBytesAreNoLeaf) {
  const std::string bytes = EncodeLeaf("metadata", {});
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeLeaf(bytes.substr(0, size)).status()));
    EXPECT_FALSE(client::verify::ParseLeaf(bytes.substr(0, size)).ok());
  }
  for (const std::string& bad : {bytes + "x", std::string("\x02") + bytes.substr(1)}) {
    EXPECT_FALSE(DecodeLeaf(bad).ok());
    EXPECT_FALSE(client::verify::ParseLeaf(bad).ok());
  }
}

TEST(AuditCheckpoint, TheVerifierOpensWhatTheServerSigned) {
  const std::string origin = "shop.example/postern/1";
  const crypto::NoteSigner signer =
      *crypto::NoteSigner::Create(origin, *crypto::PrivateKey::Generate(crypto::SignatureAlgorithm::kEd25519));
  const Checkpoint checkpoint{origin, 1234567, crypto::MerkleLeafHash("root")};
  const std::string note = *SignCheckpoint(checkpoint, signer);
  EXPECT_EQ(OpenCheckpoint(note, signer.VerifierKey())->size, checkpoint.size);

  const client::verify::NoteVerifier verifier = *client::verify::NoteVerifier::Parse(signer.VerifierKey());
  const absl::StatusOr<client::verify::Checkpoint> opened = client::verify::OpenCheckpoint(note, verifier);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->origin, origin);
  EXPECT_EQ(opened->size, checkpoint.size);
  EXPECT_EQ(opened->root, checkpoint.root);
  for (size_t i = 0; i < note.size(); ++i) {
    std::string altered = note;
    altered[i] ^= 2;
    EXPECT_FALSE(client::verify::OpenCheckpoint(altered, verifier).ok()) << i;
    EXPECT_FALSE(OpenCheckpoint(altered, signer.VerifierKey()).ok()) << i;
  }
}

TEST(AuditCheckpoint, RefusesWhatItWouldNotWrite) {
  const crypto::NoteSigner signer =
      *crypto::NoteSigner::Create("log", *crypto::PrivateKey::Generate(crypto::SignatureAlgorithm::kEd25519));
  EXPECT_FALSE(SignCheckpoint({"other", 1, {}}, signer).ok());
  EXPECT_FALSE(EncodeCheckpoint({"", 1, {}}).ok());
  EXPECT_FALSE(EncodeCheckpoint({"two\nlines", 1, {}}).ok());
  const std::string root = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  EXPECT_TRUE(ParseCheckpoint("log\n0\n" + root + "\n").ok());
  for (const std::string& bad : {"log\n01\n" + root + "\n", "log\n-1\n" + root + "\n", "log\n 1\n" + root + "\n",
                                 "\n1\n" + root + "\n", "log\n1\n" + root, "log\n1\n" + root + "\nextra\n",
                                 std::string("log\n1\nAAAA\n"), "log\n99999999999999999999\n" + root + "\n"}) {
    EXPECT_FALSE(ParseCheckpoint(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace postern::audit
