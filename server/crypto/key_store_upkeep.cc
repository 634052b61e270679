#include <unistd.h>

#include <optional>
#include <vector>

#include "absl/time/clock.h"
#include "server/crypto/errors.h"
#include "server/crypto/key_file.h"
#include "server/crypto/key_shred.h"
#include "server/crypto/key_store_impl.h"
#include "server/crypto/sqlite_copy.h"

namespace postern::crypto {
namespace {

constexpr absl::Duration kScrubRetry = absl::Seconds(1);
// Between two steps of writing names, for the commits.
constexpr absl::Duration kNamesPause = absl::Milliseconds(2);
// Pages of a backup that are copied at once, and how long others may have the store between.
constexpr int kCopyStep = 64;
constexpr int kStepsASync = 128;
constexpr absl::Duration kCopyPause = absl::Milliseconds(1);
// Blocks that are looked through at once for keys of a generation.
constexpr int64_t kBlocksAStep = 1024;

}  // namespace

absl::StatusOr<bool> KeyStore::Impl::IsFinal(uint32_t generation) {
  POSTERN_ASSIGN_OR_RETURN(const std::vector<KeyGeneration> all, ListGenerations());
  POSTERN_ASSIGN_OR_RETURN(const Roots roots, LoadRoots(options_.root_keyset_path, options_.minors_root_keyset_path));
  return AllBeyondReach(all, roots, generation);
}

absl::Status KeyStore::Impl::BackUp(const std::string& path, const std::function<bool(int64_t, int64_t)>& progress) {
  POSTERN_RETURN_IF_ERROR(CreatePrivateFile(path, SecretBytes()));
  absl::Status status;
  {
    std::optional<SqliteCopy> copy;
    bool more = true;
    int steps = 0;
    while (status.ok() && more) {
      {
        absl::MutexLock lock(&mutex_);
        if (!copy.has_value()) status = SqliteCopy::Start(table_.file(), path, &copy);
        if (status.ok()) status = copy->Step(kCopyStep, &more);
      }
      if (status.ok() && !progress(copy->done(), copy->all())) status = absl::CancelledError("the backup was ended");
      // Written to disk piece by piece, outside of the lock: the last step syncs what is left.
      if (status.ok() && ++steps % kStepsASync == 0) status = SyncPrivateFile(path);
      absl::SleepFor(kCopyPause);
    }
    absl::MutexLock lock(&mutex_);
    copy.reset();
  }
  if (!status.ok()) unlink(path.c_str());
  return status;
}

void KeyStore::Impl::WorkInBackground() {
  absl::MutexLock lock(&mutex_);
  for (;;) {
    mutex_.Await(absl::Condition(this, &Impl::BackgroundHasWork));
    if (stopping_) return;
    absl::Status done;
    if (scrub_wanted_ || checkpoint_wanted_) {
      done = scrub_wanted_ ? table_.file().CheckpointAndTruncate() : table_.file().Checkpoint();
      if (done.ok()) scrub_wanted_ = checkpoint_wanted_ = false;
    } else {
      done = InTransaction([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return table_.WriteNames(); });
      mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kNamesPause);
    }
    if (!done.ok()) {
      // The disk is full or failing: shredded keys stay unreadable through the store, and their bytes go when it
      // recovers.
      mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kScrubRetry);
    }
  }
}

absl::StatusOr<uint32_t> KeyStore::Impl::StartGeneration(absl::Time now) {
  POSTERN_ASSIGN_OR_RETURN(const Roots roots, LoadRoots(options_.root_keyset_path, options_.minors_root_keyset_path));
  absl::MutexLock lock(&mutex_);
  POSTERN_RETURN_IF_ERROR(AddKeks(roots, keks_.current() + 1, now));
  rewrapped_up_to_ = 0;
  return keks_.current();
}

absl::Status KeyStore::Impl::DestroyGeneration(uint32_t generation, absl::Time now) {
  // In steps, for the commits: no key is ever wrapped by an older generation than the newest, so that none appears
  // behind a step.
  for (int64_t after = 0, last = 1; after < last; after += kBlocksAStep) {
    absl::MutexLock lock(&mutex_);
    if (generation == keks_.current()) return errors::GenerationInUse(generation);
    POSTERN_ASSIGN_OR_RETURN(last, table_.LastBlock());
    POSTERN_ASSIGN_OR_RETURN(const bool needed, table_.AnyKeyOf(generation, after, after + kBlocksAStep));
    if (needed) return errors::GenerationInUse(generation);
  }
  absl::MutexLock lock(&mutex_);
  POSTERN_RETURN_IF_ERROR(
      InTransaction([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return table_.DestroyKeks(generation, now); }));
  keks_.Remove(generation);
  scrub_wanted_ = true;
  return absl::OkStatus();
}

absl::Status KeyStore::Impl::AddKeks(const Roots& roots, uint32_t generation, absl::Time now) {
  POSTERN_ASSIGN_OR_RETURN(const StoredKek standard, KekRing::MakeKek(roots.standard, KeyRealm::kStandard, generation));
  POSTERN_ASSIGN_OR_RETURN(const StoredKek minors, KekRing::MakeKek(roots.minors, KeyRealm::kMinors, generation));
  const absl::Status written = InTransaction([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    POSTERN_RETURN_IF_ERROR(table_.InsertKek(standard, now));
    return table_.InsertKek(minors, now);
  });
  POSTERN_RETURN_IF_ERROR(written);
  POSTERN_RETURN_IF_ERROR(keks_.Add(standard, roots.standard, options_.root_keyset_path));
  return keks_.Add(minors, roots.minors, options_.minors_root_keyset_path);
}

}  // namespace postern::crypto
