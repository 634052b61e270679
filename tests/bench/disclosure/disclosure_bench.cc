// bench-disclosure: records through the main path of one process, without gRPC: resolve, project, seal, commit, release
// to a partner that acknowledges at once, settle.
#include <malloc.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "server/disclosure/committer.h"
#include "server/disclosure/discloser.h"
#include "server/disclosure/refusal_recorder.h"
#include "server/registry/subject_standings.h"
#include "tests/bench/gateway/records.h"
#include "tests/unit/server/registry/control_fixture.h"

namespace postern::disclosure {
namespace {

constexpr char kPartner[] = "partners/swift-parcel";

struct Options {
  int records = 100'000;
  int batch = 64;
  int window = 16 * 1024;  // records on their way
  int callers = 2;         // threads
};

// A partner that is always there: what is committed is marked with its group and acknowledged at once.
class PromptPartner : public ReleaseSink {
 public:
  explicit PromptPartner(storage::Store* store) : store_(store), settler_([this] { Settle(); }) {}
  ~PromptPartner() override {
    {
      absl::MutexLock lock(&mutex_);
      stop_ = true;
    }
    settler_.join();
  }

  std::vector<storage::DispatchMark> MarksFor(absl::Span<const storage::NewDisclosure> group,
                                              int64_t next_seq) override {
    partner_ = group.front().partner;
    return {{{partner_}, next_seq + static_cast<int64_t>(group.size()) - 1}};
  }
  void OnCommitted(std::vector<CommittedDisclosure> disclosures) override {
    absl::MutexLock lock(&mutex_);
    for (const CommittedDisclosure& disclosure : disclosures) acknowledged_.push_back(disclosure.payload.seq);
  }
  void OnUncertain() override { std::abort(); }

 private:
  void Settle() {
    for (bool stop = false; !stop;) {
      storage::SettleBatch batch;
      {
        absl::MutexLock lock(&mutex_);
        const auto due = [this]()
                             ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stop_ || acknowledged_.size() >= 1024; };
        mutex_.AwaitWithTimeout(absl::Condition(&due), absl::Milliseconds(20));
        stop = stop_;
        batch.acknowledged.swap(acknowledged_);
      }
      if (batch.acknowledged.empty()) continue;
      batch.span.partner = partner_;
      batch.time = absl::Now();
      batch.watermark = batch.acknowledged.back();
      if (!store_->Settle({batch}).ok()) std::abort();
    }
  }

  storage::Store* const store_;
  std::atomic<storage::PartnerId> partner_{0};
  absl::Mutex mutex_;
  std::vector<int64_t> acknowledged_ ABSL_GUARDED_BY(mutex_);
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread settler_;
};

std::vector<Discloser::Requests> MakeRequests(const Options& options, absl::Time now) {
  bench::Records records;
  crypto::Uuid7Generator ids;
  std::vector<Discloser::Requests> batches(static_cast<size_t>(options.records / options.batch));
  for (Discloser::Requests& batch : batches) {
    for (int i = 0; i < options.batch; ++i) {
      v1::CreateDisclosureRequest& request = *batch.Add();
      request.set_request_id(ids.Next(now)->ToString());
      request.mutable_record()->set_type(bench::kRecordType);
      request.mutable_record()->set_data(records.Next());
      v1::DisclosureTarget& target = *request.add_targets();
      target.set_partner(kPartner);
      target.set_purpose("delivery");
    }
  }
  return batches;
}

absl::Duration ProcessCpu() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return absl::DurationFromTimeval(usage.ru_utime) + absl::DurationFromTimeval(usage.ru_stime);
}

int Run(const Options& options) {
  registry::TempDirectory directory;
  registry::ControlFixture control(directory.path());
  control.Serve();
  const auto clock = [&control] { return control.now(); };
  RefusalRecorderOptions refusal_options;
  refusal_options.clock = clock;
  RefusalRecorder refusals(control.store.get(), refusal_options);
  PromptPartner partner(control.store.get());
  CommitterOptions committing;
  committing.clock = clock;
  committing.max_queued_entries = static_cast<size_t>(options.window) + 512;
  Committer committer(control.store.get(), control.keys.get(), &partner, committing);
  DiscloserOptions disclosing;
  disclosing.log_origin = "shop.example/log";
  disclosing.clock = clock;
  const registry::SubjectStandings standings;  // nobody has said anything
  Discloser discloser(&control.holder, &standings, control.store.get(), control.keys.get(), &committer, &refusals,
                      disclosing);
  identity::Principal shop;
  shop.name = "storefront/shop.example";
  shop.roles = {identity::Role::kStorefront};
  shop.not_after = absl::InfiniteFuture();

  const std::vector<Discloser::Requests> batches = MakeRequests(options, control.now());
  absl::Mutex mutex;
  int on_the_way = 0;
  int64_t disclosed = 0;
  int64_t refused = 0;
  std::atomic<size_t> next{0};
  const auto call = [&] {
    for (size_t i = next++; i < batches.size(); i = next++) {
      const int size = batches[i].size();
      {
        absl::MutexLock lock(&mutex);
        const auto room = [&] { return on_the_way + size <= options.window; };
        mutex.Await(absl::Condition(&room));
        on_the_way += size;
      }
      discloser.CreateBatch(shop, batches[i], [&, size](absl::StatusOr<BatchAnswers> batch) {
        int good = 0;
        for (const v1::DisclosureAnswer* answer : batch.value().answers) {
          good += answer->results_size() == 1 && answer->results(0).has_disclosure() ? 1 : 0;
        }
        absl::MutexLock lock(&mutex);
        disclosed += good;
        refused += size - good;
        on_the_way -= size;
      });
    }
  };
  const absl::Duration cpu = ProcessCpu();
  const absl::Time start = absl::Now();
  std::vector<std::thread> callers;
  for (int i = 0; i < options.callers; ++i) callers.emplace_back(call);
  for (std::thread& caller : callers) caller.join();
  committer.Drain();
  const absl::Duration elapsed = absl::Now() - start;
  const auto records = static_cast<double>(disclosed);
  const Committer::Stats stats = committer.stats();
  std::printf("%d a batch: %8.0f records/s, CPU %6.2f us a record, %5.1f records a group; %lld refused\n",
              options.batch, records / absl::ToDoubleSeconds(elapsed),
              absl::ToDoubleMicroseconds(ProcessCpu() - cpu) / records, records / static_cast<double>(stats.groups),
              static_cast<long long>(refused));
  return refused == 0 ? 0 : 1;
}

}  // namespace
}  // namespace postern::disclosure

int main(int argc, char** argv) {
  postern::disclosure::Options options;
  CLI::App app("The main path without gRPC", "bench-disclosure");
  app.add_option("--records", options.records);
  app.add_option("--batch", options.batch, "records of one message");
  app.add_option("--window", options.window, "records on their way");
  app.add_option("--callers", options.callers, "threads that call");
  CLI11_PARSE(app, argc, argv);
  // As in posternd.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  mallopt(M_TRIM_THRESHOLD, 32 << 20);
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
  return postern::disclosure::Run(options);
}
