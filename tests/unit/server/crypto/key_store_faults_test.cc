#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/errors/error.h"
#include "tests/unit/server/crypto/key_store_fixture.h"

namespace postern::crypto {
namespace {

using KeyStoreFaults = KeyStoreFixture;

TEST_F(KeyStoreFaults, RefusesTheWrongRoot) {
  Reopen();
  store_.reset();
  std::filesystem::remove(options_.root_keyset_path);
  EXPECT_TRUE(absl::IsNotFound(KeyStore::Open(options_).status()));
  ASSERT_TRUE(RootKeyset::CreateFile(options_.root_keyset_path).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(KeyStore::Open(options_).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(KeyStore::Open(options_).status())) << "and the refusal changed nothing";
}

TEST_F(KeyStoreFaults, RefusesFilesThatOthersMayAccess) {
  Reopen();
  store_.reset();
  for (const std::string& path : {options_.path, options_.root_keyset_path, options_.minors_root_keyset_path}) {
    struct stat info;
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0600u);
    for (const mode_t mode : {0640, 0604, 0620, 0601}) {
      ASSERT_EQ(::chmod(path.c_str(), mode), 0);
      EXPECT_TRUE(absl::IsFailedPrecondition(KeyStore::Open(options_).status())) << path << " " << mode;
    }
    ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  }
  Reopen();
}

TEST_F(KeyStoreFaults, RefusesWhatIsNoKeyset) {
  const std::string good = ReadFile(options_.root_keyset_path);
  for (const std::string& bad : {std::string(), good.substr(0, good.size() - 1), "x" + good, good + "1 QUJD\n",
                                 good + good.substr(23), std::string("postern-root-keyset-v1\n")}) {
    WriteFile(options_.root_keyset_path, bad);
    EXPECT_EQ(KeyStore::Open(options_).status().code(), absl::StatusCode::kInvalidArgument) << bad.size();
  }
  EXPECT_FALSE(std::filesystem::exists(options_.path)) << "no store comes into being under a bad root";
  EXPECT_EQ(ReasonOf(RootKeyset::CreateFile(options_.root_keyset_path)), v1::ERROR_REASON_ALREADY_EXISTS);
}

TEST_F(KeyStoreFaults, RefusesOtherFilesAndASecondOpener) {
  options_.create_if_missing = false;
  EXPECT_TRUE(absl::IsNotFound(KeyStore::Open(options_).status()));
  WriteFile(options_.path, std::string(8192, 'x'));
  WriteFile(options_.path + ".tombstones", "");
  ::chmod(options_.path.c_str(), 0600);
  ::chmod((options_.path + ".tombstones").c_str(), 0600);
  const absl::Status foreign = KeyStore::Open(options_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(foreign)) << foreign;
  EXPECT_NE(foreign.message().find("is not a key store"), absl::string_view::npos) << foreign;
  std::filesystem::remove(options_.path);
  options_.create_if_missing = true;
  Reopen();
  const absl::Status second = KeyStore::Open(options_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(second)) << second;
  EXPECT_TRUE(Ensure(Ask("alice")).ok());
}

TEST_F(KeyStoreFaults, AFullDiskFailsTheGroupAndHarmsNothing) {
  Reopen();
  const KeyHandle kept = *Ensure(Ask("kept"));
  ::signal(SIGXFSZ, SIG_IGN);
  struct rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const struct rlimit full = {4096, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  const absl::Status created = Ensure(Ask("new")).status();
  const absl::Status shredded = store_->Shred({kept.id}, now_);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(ReasonOf(created), v1::ERROR_REASON_LEDGER_UNAVAILABLE) << created;
  EXPECT_EQ(ReasonOf(shredded), v1::ERROR_REASON_LEDGER_UNAVAILABLE) << shredded;
  EXPECT_TRUE(store_->Get(kept.id).ok());
  const KeyHandle retried = *Ensure(Ask("new"));
  ASSERT_TRUE(store_->Shred({kept.id}, now_).ok());
  Reopen();
  EXPECT_TRUE(store_->Get(retried.id)->secret->Equals(*retried.secret));
  EXPECT_EQ(ReasonOf(store_->Get(kept.id).status()), v1::ERROR_REASON_KEY_SHREDDED);
}

// What the child reports once a call has returned to it, in one atomic write.
struct Acknowledged {
  int name;
  bool shredded;
  Sha256Digest secret;
};

// Makes and shreds keys until it is killed.
[[noreturn]] void WorkUntilKilled(const KeyStoreOptions& options, int round, int pipe) {
  absl::StatusOr<std::unique_ptr<KeyStore>> store = KeyStore::Open(options);
  if (!store.ok()) ::_exit(3);
  for (int i = 0;; ++i) {
    const int name = round * 1000000 + i;
    KeyRequest request{KeyKind::kOrder, KeyRealm::kStandard, Sha256(absl::StrCat(name))};
    if (!(*store)->EnsureKeys(absl::MakeSpan(&request, 1)).ok() || !request.result.ok()) ::_exit(4);
    Acknowledged report{name, false, Sha256(request.result->secret->Reveal(SecretAccess::Granted()))};
    if (::write(pipe, &report, sizeof(report)) != sizeof(report)) ::_exit(5);
    if (i % 3 != 0) continue;
    if (!(*store)->Shred({request.result->id}, absl::Now()).ok()) ::_exit(6);
    report.shredded = true;
    if (::write(pipe, &report, sizeof(report)) != sizeof(report)) ::_exit(5);
  }
}

TEST_F(KeyStoreFaults, AKilledProcessLosesNothingItReported) {
  std::map<int, Acknowledged> reported;
  for (int round = 0; round < 12; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) WorkUntilKilled(options_, round, pipe[1]);
    ::close(pipe[1]);
    // Killed while it works on: some way in, then whatever it still got out is read.
    Acknowledged report;
    for (int reports = 0; ::read(pipe[0], &report, sizeof(report)) == sizeof(report); ++reports) {
      reported[report.name] = report;
      if (reports == 7 + round) {
        absl::SleepFor(absl::Microseconds(97 * round));
        ::kill(child, SIGKILL);
      }
    }
    ::close(pipe[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child failed by itself with " << WEXITSTATUS(status);

    Reopen();
    for (const auto& [name, expected] : reported) {
      const KeyId id(KeyKind::kOrder, KeyRealm::kStandard, Sha256(absl::StrCat(name)), 0);
      const absl::StatusOr<KeyHandle> key = store_->Get(id);
      if (key.ok()) {
        EXPECT_FALSE(expected.shredded) << name;
        EXPECT_EQ(Sha256(key->secret->Reveal(SecretAccess::Granted())), expected.secret);
      } else {
        // The last one may have been shredded without the report getting out.
        EXPECT_EQ(ReasonOf(key.status()), v1::ERROR_REASON_KEY_SHREDDED) << key.status();
        EXPECT_EQ(name % 1000000 % 3, 0);
      }
    }
    store_.reset();
  }
  EXPECT_GT(reported.size(), 60u);
}

}  // namespace
}  // namespace postern::crypto
