// Names are written behind the commits: whatever is written, waiting or half-way, the store answers the same.
#include <sqlite3.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/errors/error.h"
#include "tests/unit/server/crypto/key_store_fixture.h"

namespace postern::crypto {
namespace {

class KeyNamesTest : public KeyStoreFixture {
 protected:
  // How many names are written, and how many runs they are in. Closes the store and opens it again.
  int NamesWritten() { return Count("SELECT coalesce(sum(names), 0) FROM name_runs"); }
  int Count(const char* sql) {
    store_.reset();
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open_v2(options_.path.c_str(), &db, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK);
    sqlite3_stmt* count = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(db, sql, -1, &count, nullptr), SQLITE_OK);
    EXPECT_EQ(sqlite3_step(count), SQLITE_ROW);
    const int counted = sqlite3_column_int(count, 0);
    sqlite3_finalize(count);
    sqlite3_close(db);
    Reopen();
    return counted;
  }
  int NamesWrittenWithin(absl::Duration patience, int wanted) {
    int names = 0;
    for (const absl::Time end = absl::Now() + patience; absl::Now() < end;) {
      absl::SleepFor(absl::Milliseconds(50));
      if ((names = NamesWritten()) >= wanted) break;
    }
    return names;
  }
};

TEST_F(KeyNamesTest, WaitInMemoryUntilTheyAreABatch) {
  options_.name_batch = 1000;
  Reopen();
  std::vector<KeyRequest> requests;
  for (int i = 0; i < 900; ++i) requests.push_back(Ask(absl::StrCat(i)));
  ASSERT_TRUE(store_->EnsureKeys(absl::MakeSpan(requests)).ok());
  EXPECT_EQ(NamesWritten(), 0);
  for (const KeyRequest& request : requests)
    ASSERT_TRUE(store_->Get(request.result->id).ok()) << "read back at opening";
  for (int i = 900; i < 1100; ++i) ASSERT_TRUE(Ensure(Ask(absl::StrCat(i))).ok());
  EXPECT_GE(NamesWrittenWithin(absl::Seconds(20), 1000), 1000);
  for (const KeyRequest& request : requests) EXPECT_EQ(Ensure(request)->id, request.result->id);
}

// Clause: P1.5c
TEST_F(KeyNamesTest, ShreddedAndReturningNamesAreRightWrittenOrNot) {
  for (const size_t batch : {size_t{1}, size_t{300}, size_t{100000}}) {
    options_.name_batch = batch;
    options_.cache_capacity = 0;
    Reopen();
    const auto name = [batch](int i) { return absl::StrCat(batch, " ", i); };
    std::vector<KeyId> first;
    for (int i = 0; i < 400; ++i) first.push_back(Ensure(Ask(name(i)))->id);
    for (int i = 0; i < 400; i += 4) ASSERT_TRUE(store_->Shred({first[i]}, now_).ok());
    std::vector<KeyId> second(first);
    for (int i = 0; i < 400; i += 8) {
      KeyRequest returning = Ask(name(i));
      returning.allow_new_after_shred = true;
      second[i] = Ensure(returning)->id;
      ASSERT_NE(second[i], first[i]);
    }
    for (int i = 0; i < 400; i += 16) ASSERT_TRUE(store_->Shred({second[i]}, now_).ok());
    for (int round = 0; round < 2; ++round) {
      for (int i = 0; i < 400; ++i) {
        const bool shredded = i % 16 == 0 || i % 8 == 4;
        const auto found = store_->Find(KeyKind::kSubject, KeyRealm::kStandard, Sha256(name(i)));
        if (shredded) {
          EXPECT_EQ(ReasonOf(found.status()), v1::ERROR_REASON_KEY_SHREDDED) << i;
        } else {
          ASSERT_TRUE(found.ok()) << i << found.status();
          EXPECT_EQ(*found, second[i]);
          EXPECT_TRUE(store_->Get(second[i]).ok());
        }
      }
      Reopen();
    }
  }
}

// Clause: P1.5c
TEST_F(KeyNamesTest, MergedRunsSayTheSame) {
  options_.name_batch = 50;
  options_.cache_capacity = 0;
  Reopen();
  std::vector<KeyId> keys;
  for (int group = 0; group < 60; ++group) {
    std::vector<KeyRequest> requests;
    for (int i = 0; i < 50; ++i) requests.push_back(Ask(absl::StrCat(group, " ", i)));
    ASSERT_TRUE(store_->EnsureKeys(absl::MakeSpan(requests)).ok());
    for (const KeyRequest& request : requests) keys.push_back(request.result->id);
    // An older run knows the key, a newer one that it is gone.
    ASSERT_TRUE(store_->Shred({keys[static_cast<size_t>(group * 25)]}, now_).ok());
    absl::SleepFor(absl::Milliseconds(3));
  }
  int runs = 60;
  for (int i = 0; i < 500 && (runs >= 8 || NamesWritten() <= 2500); ++i) {
    absl::SleepFor(absl::Milliseconds(20));
    runs = Count("SELECT count(*) FROM name_runs");
  }
  EXPECT_LT(runs, 8);
  EXPECT_GT(NamesWritten(), 2500);
  for (int round = 0; round < 2; ++round) {
    for (size_t i = 0; i < keys.size(); ++i) {
      const absl::StatusOr<KeyHandle> key = store_->Get(keys[i]);
      if (i % 25 == 0 && i < 60 * 25) {
        EXPECT_EQ(ReasonOf(key.status()), v1::ERROR_REASON_KEY_SHREDDED) << i;
      } else {
        EXPECT_TRUE(key.ok()) << i << key.status();
      }
    }
    EXPECT_TRUE(absl::IsNotFound(store_->Find(KeyKind::kSubject, KeyRealm::kStandard, Sha256("nobody")).status()));
    Reopen();
  }
}

}  // namespace
}  // namespace postern::crypto
