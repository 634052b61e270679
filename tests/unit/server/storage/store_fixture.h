// What every test of a store stands on: a store in a folder of its own, and entries that are right unless a test makes
// them wrong.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "proto/errors/error.h"
#include "server/storage/store.h"

namespace postern::storage {

// Opens one kind of store in a folder, again and again.
struct StoreKind {
  std::string name;
  std::function<absl::StatusOr<std::unique_ptr<Store>>(const std::string& folder)> open;
};

// An empty folder that goes with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() : TemporaryFolder(::testing::TempDir()) {}
  explicit TemporaryFolder(const std::string& parent);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  // Does not exist yet.
  std::string Path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

Mac16 Mac(uint64_t number);
crypto::Uuid Id(uint64_t number);
absl::Time At(int64_t seconds);

// Fresh entries with ids, requests and leaves of their own.
class EntryMaker {
 public:
  NewDisclosure Make(PartnerId partner);

 private:
  uint64_t next_ = 1;
};

// One test, run against each kind of store.
class StoreTest : public ::testing::TestWithParam<StoreKind> {
 protected:
  void SetUp() override;
  void Reopen();

  Store& store() { return *store_; }
  GrantId GrantOf(PartnerId partner, const std::string& purpose = "delivery", const std::string& revision = "1");
  NewDisclosure Entry(PartnerId partner = 1);
  // Commits one entry that must be fresh; returns its position.
  int64_t Commit(const NewDisclosure& entry);
  std::vector<CommitResult> CommitAll(const std::vector<NewDisclosure>& group,
                                      const std::vector<DispatchMark>& marks = {});
  // Commits `count` fresh entries; returns their positions.
  std::vector<int64_t> CommitMany(int count, PartnerId partner = 1);
  void Dispatch(int64_t seq, PartnerId partner = 1);
  void Settle(const SettleBatch& batch);
  SettleBatch Acknowledgement(std::vector<int64_t> seqs, int64_t watermark, PartnerId partner = 1);
  SettleBatch Ending(int64_t seq, v1::DisclosureState state, const std::string& reason, PartnerId partner = 1);
  std::vector<int64_t> Backlog(PartnerId partner = 1);
  v1::DisclosureState StateOf(int64_t seq);
  DisclosureRow RowAt(int64_t seq, PartnerId partner = 1);

  EntryMaker maker_;
  TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
};

template <typename T>
T Value(absl::StatusOr<T> result) {
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *std::move(result) : T();
}

#define EXPECT_REASON(expression, expected) \
  EXPECT_EQ(::postern::ReasonOf(expression), ::postern::v1::ERROR_REASON_##expected)
#define EXPECT_STATUS_OK(expression)                   \
  do {                                                 \
    const ::absl::Status status_of_it_ = (expression); \
    EXPECT_TRUE(status_of_it_.ok()) << status_of_it_;  \
  } while (false)

}  // namespace postern::storage
