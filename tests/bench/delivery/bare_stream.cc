#include "tests/bench/delivery/bare_stream.h"

#include <atomic>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/postern/v1/partner_service.pb.h"
#include "tests/bench/delivery/site.h"
#include "tests/bench/gateway/disclosures.h"
#include "tests/bench/gateway/stream_load.h"

namespace postern::bench {
namespace {

constexpr int kStreams = 4;

}  // namespace

BareShop::BareShop(const client::Endpoint& endpoint, const std::vector<std::string>& records)
    : stubs_(endpoint, kStreams) {
  for (const std::string& record : records) {
    postern::v1::ReceiveResponse response;
    Require(response.add_records()->ParseFromString(record), "a sample is no DeliveredRecord");
    responses_.push_back(response.SerializeAsString());
  }
}

int64_t BareShop::Write(int partners, int64_t records, int batch) {
  using Caller = StreamCaller<v1::ForwardRequest, v1::ForwardResponse>;
  std::atomic<int64_t> next{0};
  std::vector<std::unique_ptr<Caller>> callers;
  const absl::Time start = absl::Now();
  for (int i = 0; i < kStreams; ++i) {
    callers.push_back(std::make_unique<Caller>(
        batch, kStreamWindow,
        [&](v1::ForwardRequest& request) {
          const int64_t message = next.fetch_add(1);
          if (message * batch >= records) return false;
          request.set_partner(absl::StrCat("spiffe://carrier-", message % partners + 1, ".dev/client"));
          for (int n = 0; n < batch; ++n) {
            request.mutable_message()->append(responses_[static_cast<size_t>(message * batch + n) % responses_.size()]);
          }
          request.set_records(static_cast<uint32_t>(batch));
          return true;
        },
        [](const v1::ForwardResponse& response) { return std::make_pair(static_cast<int>(response.taken()), 0); }));
    stubs_.For(i).async()->Forward(&callers.back()->context(), callers.back().get());
    callers.back()->Start();
  }
  std::vector<LoadResult> results;
  for (auto& caller : callers) results.push_back(caller->Wait());
  const LoadResult sum = Sum(results, start);
  Require(sum.errors == 0, "the bare stream fails");
  return sum.records;
}

}  // namespace postern::bench
