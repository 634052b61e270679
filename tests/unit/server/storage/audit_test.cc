#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "server/crypto/merkle.h"
#include "tests/unit/server/storage/store_fixture.h"

namespace postern::storage {
namespace {

using ::testing::ElementsAre;

// RFC 6962, section 2.1, word for word.
Hash32 RootOf(const std::vector<std::string>& leaves, size_t first, size_t count) {
  if (count == 0) return crypto::MerkleEmptyRoot();
  if (count == 1) return crypto::MerkleLeafHash(leaves[first]);
  size_t left = 1;
  while (left * 2 < count) left *= 2;
  return crypto::MerkleNodeHash(RootOf(leaves, first, left), RootOf(leaves, first + left, count - left));
}

TEST_P(StoreTest, EmptyTreeHasTheEmptyRoot) {
  const TreeHead head = Value(store().ReadTreeHead());
  EXPECT_EQ(head.size, 0u);
  EXPECT_EQ(head.root, crypto::MerkleEmptyRoot());
}

TEST_P(StoreTest, TreeIsThatOfTheLeaves) {
  std::vector<std::string> leaves;
  for (int i = 0; i < 700; ++i) leaves.push_back(absl::StrCat("leaf ", i));
  EXPECT_EQ(Value(store().AppendAudit(absl::MakeConstSpan(leaves).subspan(0, 300))), 0u);
  Reopen();
  EXPECT_EQ(Value(store().AppendAudit(absl::MakeConstSpan(leaves).subspan(300))), 300u);
  const TreeHead head = Value(store().ReadTreeHead());
  EXPECT_EQ(head.size, 700u);
  EXPECT_EQ(head.root, RootOf(leaves, 0, 700));
  for (int level = 0; level <= 9; ++level) {
    const size_t width = size_t{1} << level;
    for (size_t index = 0; (index + 1) * width <= 700; ++index) {
      EXPECT_EQ(Value(store().ReadTreeHash(level, index)), RootOf(leaves, index * width, width))
          << level << " " << index;
    }
    EXPECT_REASON(store().ReadTreeHash(level, 700 / width).status(), NOT_FOUND);
  }
  EXPECT_REASON(store().ReadTreeHash(63, 0).status(), NOT_FOUND);
  EXPECT_REASON(store().ReadTreeHash(-1, 0).status(), NOT_FOUND);
  EXPECT_EQ(Value(store().ReadLeaves(698, 10)), std::vector<std::string>({"leaf 698", "leaf 699"}));
  EXPECT_STATUS_OK(store().Check());
}

TEST_P(StoreTest, LeavesComeInTheOrderOfTheirTransactions) {
  NewDisclosure entry = Entry();
  entry.audit_leaf = "commit";
  Commit(entry);
  SettleBatch batch = Acknowledgement({1}, 1);
  batch.audit_leaves = {"settle"};
  Settle(batch);
  ChangeSet change;
  change.audit_leaves = {"change 1", "change 2"};
  EXPECT_EQ(Value(store().Apply(change)).first_leaf, 2u);
  EXPECT_THAT(Value(store().ReadLeaves(0, 10)), ElementsAre("commit", "settle", "change 1", "change 2"));
}

TEST_P(StoreTest, CheckpointIsReplaced) {
  EXPECT_EQ(Value(store().ReadCheckpoint()), "");
  EXPECT_STATUS_OK(store().WriteCheckpoint("first"));
  EXPECT_STATUS_OK(store().WriteCheckpoint("second\n"));
  Reopen();
  EXPECT_EQ(Value(store().ReadCheckpoint()), "second\n");
}

TEST_P(StoreTest, InstanceIsTheStoresForEver) {
  const crypto::Uuid instance = store().instance();
  EXPECT_NE(instance, crypto::Uuid{});
  Reopen();
  EXPECT_EQ(store().instance(), instance);
}

}  // namespace
}  // namespace postern::storage
