// Ten thousand proofs of each kind that are right but for one change: all refused.

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/verify/checkpoint.h"
#include "client/verify/merkle.h"
#include "client/verify/signed_note.h"
#include "client/verify/tile_log.h"
#include "client/verify/tile_writer.h"
#include "gtest/gtest.h"
#include "server/audit/checkpoint.h"
#include "server/crypto/signature.h"
#include "server/crypto/signed_note.h"

namespace postern::client::verify {
namespace {

constexpr int kMutations = 10'000;
constexpr uint64_t kSize = 700;

class MutationTest : public ::testing::Test {
 protected:
  MutationTest() {
    TileWriter writer([this](const std::string& path, absl::string_view bytes) {
      files_[path] = std::string(bytes);
      return absl::OkStatus();
    });
    for (uint64_t i = 0; i < kSize; ++i) {
      roots_.push_back(writer.Root());
      EXPECT_TRUE(writer.Add(absl::StrCat("entry ", i)).ok());
    }
    EXPECT_TRUE(writer.Finish().ok());
    roots_.push_back(writer.Root());
  }

  TileLog Open() {
    return TileLog({"log.example", kSize, roots_[kSize]},
                   [this](const std::string& path) -> absl::StatusOr<std::string> { return files_.at(path); });
  }
  uint64_t Random(uint64_t below) { return random_() % below; }
  void Flip(Hash* hash) { (*hash)[Random(32)] ^= static_cast<uint8_t>(1 << Random(8)); }

  // One change of a list of hashes: a bit, a missing, doubled, added or exchanged element.
  void Mutate(std::vector<Hash>* proof) {
    switch (proof->empty() ? 3 : Random(5)) {
      case 0:
        Flip(&(*proof)[Random(proof->size())]);
        break;
      case 1:
        proof->erase(proof->begin() + static_cast<std::ptrdiff_t>(Random(proof->size())));
        break;
      case 2: {
        const Hash copy = (*proof)[Random(proof->size())];
        proof->insert(proof->begin() + static_cast<std::ptrdiff_t>(Random(proof->size() + 1)), copy);
        break;
      }
      case 3:
        proof->insert(proof->begin() + static_cast<std::ptrdiff_t>(Random(proof->size() + 1)), Hash{});
        break;
      case 4:
        if (proof->size() < 2) {
          Flip(&(*proof)[0]);
        } else {
          const size_t i = Random(proof->size() - 1);
          std::swap((*proof)[i], (*proof)[i + 1]);
        }
        break;
    }
  }

  std::mt19937_64 random_{5};
  std::map<std::string, std::string> files_;
  std::vector<Hash> roots_;
};

// Clause: P1.3c
TEST_F(MutationTest, MutatedInclusionProofsAreRefused) {
  TileLog log = Open();
  std::vector<TileLog::ProvenEntry> proofs(kSize);
  int refused = 0;
  for (int i = 0; i < kMutations; ++i) {
    uint64_t index = Random(kSize);
    auto& known = proofs[index];
    if (known.entry.empty()) {
      auto proven = log.Prove(index);
      ASSERT_TRUE(proven.ok());
      known = *std::move(proven);
    }
    std::vector<Hash> path = known.path;
    Hash leaf = LeafHash(known.entry);
    Hash root = roots_[kSize];
    switch (Random(5)) {
      case 0:
        Flip(&leaf);
        break;
      case 1:
        Flip(&root);
        break;
      case 2:
        index = (index + 1 + Random(kSize - 1)) % kSize;
        break;
      default:
        Mutate(&path);
    }
    refused += VerifyInclusion(leaf, index, kSize, path, root).ok() ? 0 : 1;
  }
  EXPECT_EQ(refused, kMutations);
}

// Clause: P1.3c
TEST_F(MutationTest, MutatedConsistencyProofsAreRefused) {
  TileLog log = Open();
  std::vector<std::vector<Hash>> proofs(kSize);
  int refused = 0;
  for (int i = 0; i < kMutations; ++i) {
    const uint64_t size = 1 + Random(kSize - 1);
    std::vector<Hash>& known = proofs[size];
    if (known.empty()) {
      auto proven = log.ProveExtends({"log.example", size, roots_[size]});
      ASSERT_TRUE(proven.ok());
      known = *std::move(proven);
    }
    std::vector<Hash> proof = known;
    Hash old_root = roots_[size];
    Hash new_root = roots_[kSize];
    switch (Random(4)) {
      case 0:
        Flip(&old_root);
        break;
      case 1:
        Flip(&new_root);
        break;
      default:
        Mutate(&proof);
    }
    refused += VerifyConsistency(size, old_root, kSize, new_root, proof).ok() ? 0 : 1;
  }
  EXPECT_EQ(refused, kMutations);
}

// Clause: P1.3c
TEST_F(MutationTest, EveryChangedByteOfACheckpointIsRefused) {
  auto key = crypto::PrivateKey::Generate(crypto::SignatureAlgorithm::kEd25519);
  ASSERT_TRUE(key.ok());
  const auto signer = crypto::NoteSigner::Create("log.example", *std::move(key));
  ASSERT_TRUE(signer.ok());
  audit::Checkpoint checkpoint;
  checkpoint.origin = "log.example";
  checkpoint.size = kSize;
  checkpoint.root = roots_[kSize];
  const std::string note = *audit::SignCheckpoint(checkpoint, *signer);
  const auto verifier = NoteVerifier::Parse(signer->VerifierKey());
  ASSERT_TRUE(verifier.ok() && OpenCheckpoint(note, *verifier).ok());
  for (size_t i = 0; i < note.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = note;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      EXPECT_FALSE(OpenCheckpoint(changed, *verifier).ok()) << "byte " << i << " bit " << bit;
    }
    EXPECT_FALSE(OpenCheckpoint(note.substr(0, i), *verifier).ok()) << "cut at " << i;
  }
}

}  // namespace
}  // namespace postern::client::verify
