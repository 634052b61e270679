#include "tests/bench/rights/requests.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace postern::bench {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(60);

// Whether each of the person's disclosures is told with its proof.
bool Complete(const v1::GetAccessReportResponse& report, int64_t disclosures) {
  return report.entries_size() == std::min<int64_t>(disclosures, 100) &&
         std::all_of(report.entries().begin(), report.entries().end(),
                     [](const v1::AccessEntry& entry) { return entry.inclusion_path_size() > 0; });
}

void AwaitProofs(People& gateway, int64_t person, int64_t disclosures) {
  const std::string name = gateway.Ask(person, v1::SubjectRequest::KIND_ACCESS).name();
  for (const absl::Time deadline = absl::Now() + kPatience; !Complete(gateway.Report(name), disclosures);
       absl::SleepFor(absl::Milliseconds(200))) {
    Require(absl::Now() < deadline, "reports have no proofs");
  }
}

}  // namespace

void MeasureAccess(People& gateway, int64_t disclosures, int64_t people, int count, Latencies* latencies) {
  // Of the last record.
  AwaitProofs(gateway, (disclosures - 1) % people, (disclosures - 1) / people + 1);
  for (int i = 0; i < count; ++i) {
    const int64_t person = i * (people / count);
    const absl::Time start = absl::Now();
    const v1::GetAccessReportResponse report =
        gateway.Report(gateway.Ask(person, v1::SubjectRequest::KIND_ACCESS).name());
    latencies->Add(absl::Now() - start);
    Require(Complete(report, disclosures / people + (person < disclosures % people ? 1 : 0)),
            absl::StrCat("a report has ", report.entries_size(), " entries"));
  }
}

void MeasureErasure(People& gateway, int64_t disclosures, int64_t people, int count, Latencies* latencies) {
  for (int i = 0; i < count; ++i) {
    const int64_t person = i * (people / count) + 1;
    // An erasure waits for orders that are open.
    gateway.CloseAfterSales(person, disclosures - person, people, absl::Now() - absl::Minutes(1));
    const absl::Time start = absl::Now();
    gateway.Ask(person, v1::SubjectRequest::KIND_ERASURE);
    latencies->Add(absl::Now() - start);
  }
}

}  // namespace postern::bench
