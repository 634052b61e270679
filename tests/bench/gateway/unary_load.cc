#include "tests/bench/gateway/unary_load.h"

#include <atomic>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "absl/time/clock.h"

namespace postern::bench {
namespace {

// One caller: the next call starts when the last is answered.
class Caller {
 public:
  Caller(int index, absl::Time end, const UnaryCall& call, Latencies& latencies, absl::BlockingCounter& left)
      : index_(index), end_(end), call_(call), latencies_(latencies), left_(left) {}

  void Next() {
    started_ = absl::Now();
    if (started_ >= end_) {
      left_.DecrementCount();
      return;
    }
    call_(index_, [this](bool success) {
      latencies_.Add(absl::Now() - started_);
      ++(success ? records : errors);
      Next();
    });
  }

  int64_t records = 0;
  int64_t errors = 0;

 private:
  const int index_;
  const absl::Time end_;
  const UnaryCall& call_;
  Latencies& latencies_;
  absl::BlockingCounter& left_;
  absl::Time started_;
};

}  // namespace

LoadResult RunUnary(int callers, absl::Duration duration, const UnaryCall& call, Latencies& latencies) {
  const absl::Time start = absl::Now();
  absl::BlockingCounter left(callers);
  std::vector<std::unique_ptr<Caller>> all;
  for (int i = 0; i < callers; ++i) all.push_back(std::make_unique<Caller>(i, start + duration, call, latencies, left));
  for (auto& caller : all) caller->Next();
  left.Wait();
  LoadResult result;
  result.elapsed = absl::Now() - start;
  for (auto& caller : all) {
    result.records += caller->records;
    result.errors += caller->errors;
  }
  return result;
}

}  // namespace postern::bench
