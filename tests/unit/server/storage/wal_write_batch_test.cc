#include "server/storage/sqlite/wal_write_batch.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace postern::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr int kHeader = 24;
constexpr int kPage = 4096;
constexpr int kFrame = kHeader + kPage;

// A file that keeps the writes it got, by place.
struct Log {
  sqlite3_file base{};
  std::vector<std::pair<sqlite3_int64, std::string>> writes;
  int fails_with = SQLITE_OK;

  std::vector<std::pair<sqlite3_int64, size_t>> Sizes() const {
    std::vector<std::pair<sqlite3_int64, size_t>> sizes;
    for (const auto& [offset, bytes] : writes) sizes.emplace_back(offset, bytes.size());
    return sizes;
  }
};

int WriteTo(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  Log& log = *reinterpret_cast<Log*>(file);
  if (log.fails_with != SQLITE_OK) return log.fails_with;
  log.writes.emplace_back(offset, std::string(static_cast<const char*>(data), static_cast<size_t>(size)));
  return SQLITE_OK;
}

class WalWriteBatchTest : public ::testing::Test {
 protected:
  WalWriteBatchTest() {
    methods_.xWrite = WriteTo;
    log_.base.pMethods = &methods_;
  }

  int Write(const std::string& bytes, sqlite3_int64 offset) {
    return batch_.Write(&log_.base, bytes.data(), static_cast<int>(bytes.size()), offset);
  }
  static std::string Header(bool commits) {
    std::string header(kHeader, 'h');
    header.replace(4, 4, 4, '\0');
    if (commits) header[7] = 9;
    return header;
  }
  int Frame(sqlite3_int64 offset, bool commits, char fill = 'p') {
    const int code = Write(Header(commits), offset);
    return code == SQLITE_OK ? Write(std::string(kPage, fill), offset + kHeader) : code;
  }

  sqlite3_io_methods methods_{};
  Log log_;
  WalWriteBatch batch_;
};

TEST_F(WalWriteBatchTest, AllFramesOfACommitAreOneWrite) {
  ASSERT_EQ(Write(std::string(32, 'w'), 0), SQLITE_OK);
  ASSERT_EQ(Frame(32, false, 'a'), SQLITE_OK);
  ASSERT_EQ(Frame(32 + kFrame, false, 'b'), SQLITE_OK);
  EXPECT_THAT(log_.Sizes(), ElementsAre(Pair(0, 32)));
  ASSERT_EQ(Frame(32 + 2 * kFrame, true, 'c'), SQLITE_OK);
  ASSERT_THAT(log_.Sizes(), ElementsAre(Pair(0, 32), Pair(32, 3 * kFrame))) << "a reader may look for it at once";
  EXPECT_EQ(log_.writes[1].second, Header(false) + std::string(kPage, 'a') + Header(false) + std::string(kPage, 'b') +
                                       Header(true) + std::string(kPage, 'c'));
  ASSERT_EQ(Frame(32 + 3 * kFrame, true), SQLITE_OK);
  EXPECT_EQ(log_.writes.size(), 3);
}

TEST_F(WalWriteBatchTest, WhatIsMendedInPlaceComesAfterWhatWaitedAndAtOnce) {
  ASSERT_EQ(Write(std::string(32, 'w'), 0), SQLITE_OK);
  ASSERT_EQ(Frame(32, false), SQLITE_OK);
  ASSERT_EQ(Frame(32 + kFrame, false), SQLITE_OK);
  ASSERT_EQ(Write(std::string(kPage, 'm'), 32 + kHeader), SQLITE_OK);
  EXPECT_THAT(log_.Sizes(), ElementsAre(Pair(0, 32), Pair(32, 2 * kFrame), Pair(32 + kHeader, kPage)));
  // The header of a commit, written again without its page: nothing else comes that could take it along.
  ASSERT_EQ(Write(Header(true), 32 + kFrame), SQLITE_OK);
  EXPECT_EQ(log_.writes.size(), 4);
  // The next transaction goes on behind it.
  ASSERT_EQ(Frame(32 + 2 * kFrame, true), SQLITE_OK);
  std::string file(32 + 3 * kFrame, '\0');
  for (const auto& [offset, bytes] : log_.writes) file.replace(static_cast<size_t>(offset), bytes.size(), bytes);
  EXPECT_EQ(file, std::string(32, 'w') + Header(false) + std::string(kPage, 'm') + Header(true) +
                      std::string(kPage, 'p') + Header(true) + std::string(kPage, 'p'));
}

TEST_F(WalWriteBatchTest, FlushWritesWhatATransactionHasSpilled) {
  ASSERT_EQ(Frame(32, false), SQLITE_OK);
  ASSERT_EQ(Frame(32 + kFrame, false), SQLITE_OK);
  ASSERT_EQ(batch_.Flush(&log_.base), SQLITE_OK);
  ASSERT_EQ(batch_.Flush(&log_.base), SQLITE_OK);
  EXPECT_THAT(log_.Sizes(), ElementsAre(Pair(32, kHeader), Pair(32 + kHeader, kPage + kFrame)));
}

TEST_F(WalWriteBatchTest, KeepsLessThanWhatSqliteWritesAtOnce) {
  for (int i = 0; i < 100; ++i) ASSERT_EQ(Frame(32 + i * kFrame, i == 99), SQLITE_OK);
  size_t total = 0;
  for (const auto& [offset, bytes] : log_.writes) {
    EXPECT_LT(bytes.size(), size_t{128} << 10);
    EXPECT_EQ(static_cast<size_t>(offset), 32 + total);
    total += bytes.size();
  }
  EXPECT_EQ(total, size_t{100} * kFrame);
  EXPECT_LE(log_.writes.size(), 6);
}

TEST_F(WalWriteBatchTest, AFailureIsTheCommitsOwnAndIsNotTriedAgain) {
  ASSERT_EQ(Frame(32, false), SQLITE_OK);
  log_.fails_with = SQLITE_FULL;
  ASSERT_EQ(Frame(32 + kFrame, true), SQLITE_FULL);
  log_.fails_with = SQLITE_OK;
  log_.writes.clear();
  EXPECT_EQ(batch_.Flush(&log_.base), SQLITE_OK);
  EXPECT_THAT(log_.writes, IsEmpty());
  // The transaction that comes then begins in the same place.
  ASSERT_EQ(Frame(32, true), SQLITE_OK);
  EXPECT_THAT(log_.Sizes(), ElementsAre(Pair(32, kHeader), Pair(32 + kHeader, kPage)));
}

}  // namespace
}  // namespace postern::storage
