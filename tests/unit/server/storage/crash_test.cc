// A process that commits is killed at any moment; nothing that it was told is durable may be missing afterwards.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/time/clock.h"
#include "server/storage/sqlite/sqlite_store.h"
#include "tests/unit/server/storage/store_fixture.h"

namespace postern::storage {
namespace {

// What the child tells through the pipe, once CommitGroup has returned.
struct Acknowledged {
  int64_t seq = 0;
  uint64_t number = 0;  // of the entry
};

NewDisclosure NumberedEntry(uint64_t number, GrantId grant) {
  NewDisclosure entry = EntryMaker().Make(1);
  entry.id = Id(number);
  entry.request_id = Id(1'000'000 + number);
  entry.grant = grant;
  entry.audit_leaf = std::string(200, static_cast<char>('a' + number % 26));
  entry.sealed_payload = std::string(800, static_cast<char>('A' + number % 26));
  return entry;
}

[[noreturn]] void CommitUntilKilled(const SqliteStoreOptions& options, uint64_t first, int pipe) {
  absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(options);
  if (!store.ok()) _exit(2);
  absl::StatusOr<GrantId> grant = (*store)->InternGrant({1, "delivery", "shop.v1.Shipment", "r", "p", "l", "d"});
  if (!grant.ok()) _exit(3);
  for (uint64_t number = first;; number += 7) {
    std::vector<NewDisclosure> group;
    for (uint64_t i = 0; i < 7; ++i) group.push_back(NumberedEntry(number + i, *grant));
    std::vector<CommitResult> results;
    if (!(*store)->CommitGroup(group, {}, &results).ok()) _exit(4);
    for (uint64_t i = 0; i < 7; ++i) {
      const Acknowledged acknowledged{results[i].seq, number + i};
      if (!results[i].status.ok() || write(pipe, &acknowledged, sizeof(acknowledged)) != sizeof(acknowledged)) _exit(5);
    }
    SettleBatch batch;
    batch.span.partner = 1;
    batch.watermark = results[3].seq;
    for (int64_t seq = results[3].seq - 6; seq <= results[3].seq; ++seq) {
      if (seq > 0) batch.acknowledged.push_back(seq);
    }
    if (!(*store)->Settle({batch}).ok()) _exit(6);
  }
}

TEST(CrashTest, NothingAcknowledgedIsLost) {
  TemporaryFolder folder;
  SqliteStoreOptions options;
  options.directory = folder.Path("data");
  options.clock = [] { return At(0); };
  options.checkpoint_pages = 50;  // so that checkpoints are met too
  options.index_batch = 20;
  size_t acknowledged_in_all = 0;
  for (int round = 0; round < 12; ++round) {
    SCOPED_TRACE(round);
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      close(pipe_ends[0]);
      CommitUntilKilled(options, static_cast<uint64_t>(round + 1) * 50'000, pipe_ends[1]);
    }
    close(pipe_ends[1]);
    std::vector<Acknowledged> acknowledged;
    Acknowledged one;
    // The first one says that work is under way.
    if (read(pipe_ends[0], &one, sizeof(one)) == sizeof(one)) acknowledged.push_back(one);
    absl::SleepFor(absl::Microseconds(3000 * round + 700));
    kill(child, SIGKILL);
    while (read(pipe_ends[0], &one, sizeof(one)) == sizeof(one)) acknowledged.push_back(one);
    close(pipe_ends[0]);
    int how = 0;
    ASSERT_EQ(waitpid(child, &how, 0), child);
    ASSERT_TRUE(WIFSIGNALED(how)) << "the child ended itself with " << WEXITSTATUS(how);
    acknowledged_in_all += acknowledged.size();

    const std::unique_ptr<Store> store = Value(OpenSqliteStore(options));
    ASSERT_NE(store, nullptr);
    EXPECT_STATUS_OK(store->Check());
    for (const Acknowledged& entry : acknowledged) {
      EXPECT_EQ(Value(store->ReadDisclosure(Id(entry.number))).seq, entry.seq);
    }
  }
  EXPECT_GE(acknowledged_in_all, 12u);
}

}  // namespace
}  // namespace postern::storage
