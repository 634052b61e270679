#include "tests/bench/delivery/receivers.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/bench/delivery/site.h"

namespace postern::bench {
namespace {

constexpr int kWindow = 4096;  // records a stream asks for
constexpr absl::Duration kPatience = absl::Seconds(30);

}  // namespace

Receivers::Receivers(const Stubs& stubs, size_t count, int sample) {
  const auto on_batch = [this, sample](const postern::v1::ReceiveResponse& batch) {
    const absl::Time now = absl::Now();
    for (const postern::v1::DeliveredRecord& record : batch.records()) {
      if (sample > 0 && record.delivery() % static_cast<uint64_t>(sample) == 0) {
        latencies_.Add(now - CommitTime(record));
      }
    }
    last_nanos_ = absl::ToUnixNanos(now);
    ++messages_;
    received_ += batch.records_size();
  };
  for (size_t i = 0; i < count; ++i) streams_.Add(std::make_unique<PartnerStream>(*stubs[i], kWindow, on_batch));
}

void Receivers::Await(int64_t records) const {
  int64_t before = -1;
  for (absl::Time deadline; received_ < records; absl::SleepFor(absl::Milliseconds(1))) {
    const int64_t now = received_;
    if (now != before) deadline = absl::Now() + kPatience;
    before = now;
    Require(absl::Now() < deadline, absl::StrCat("only ", now, " of ", records, " records came"));
  }
}

}  // namespace postern::bench
