#include "tests/bench/gateway/disclosures.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/time/clock.h"
#include "client/transport/request_id.h"
#include "tests/bench/gateway/stream_load.h"

namespace postern::bench {
namespace {

bool Authorised(const v1::DisclosureAnswer& answer) {
  return answer.results_size() > 0 &&
         std::all_of(answer.results().begin(), answer.results().end(),
                     [](const v1::TargetResult& result) { return result.has_disclosure(); });
}

}  // namespace

void FillDisclosure(Records& records, const std::vector<std::string>& partners, v1::CreateDisclosureRequest& request) {
  request.mutable_record()->set_type(kRecordType);
  request.mutable_record()->set_data(records.Next());
  for (const std::string& partner : partners) {
    auto& target = *request.add_targets();
    target.set_partner(partner);
    target.set_purpose("delivery");
  }
  request.set_request_id(client::NewRequestId(absl::Now()));
}

UnaryCall DiscloseCall(PosternStubs& stubs, Records& records, const std::string& partner) {
  return [&stubs, &records, partner](int caller, std::function<void(bool)> done) {
    auto call = std::make_shared<Call<v1::CreateDisclosureRequest, v1::CreateDisclosureResponse>>();
    FillDisclosure(records, {partner}, call->request);
    stubs.For(caller).async()->CreateDisclosure(
        &call->context, &call->request, &call->response, [call, done = std::move(done)](const grpc::Status& status) {
          done(status.ok() && call->response.results_size() == 1 && call->response.results(0).has_disclosure());
        });
  };
}

UnaryCall DiscloseBatchCall(PosternStubs& stubs, Records& records, const std::string& partner, int batch) {
  return [&stubs, &records, partner, batch](int caller, std::function<void(bool)> done) {
    auto call = std::make_shared<Call<v1::BatchCreateDisclosuresRequest, v1::BatchCreateDisclosuresResponse>>();
    for (int i = 0; i < batch; ++i) FillDisclosure(records, {partner}, *call->request.add_requests());
    stubs.For(caller).async()->BatchCreateDisclosures(
        &call->context, &call->request, &call->response,
        [call, batch, done = std::move(done)](const grpc::Status& status) {
          const auto& answers = call->response.answers();
          done(status.ok() && answers.size() == batch && std::all_of(answers.begin(), answers.end(), Authorised));
        });
  };
}

LoadResult DiscloseStreams(PosternStubs& stubs, Records& records, const DiscloseLoad& load) {
  using Caller = StreamCaller<v1::StreamDisclosuresRequest, v1::StreamDisclosuresResponse>;
  const absl::Time start = absl::Now();
  std::vector<std::unique_ptr<Caller>> callers;
  for (int i = 0; i < load.streams; ++i) {
    callers.push_back(std::make_unique<Caller>(
        load.batch, kStreamWindow,
        [&records, &load](v1::StreamDisclosuresRequest& request) {
          if (!load.more()) return false;
          const std::vector<std::string> partners = load.partners();
          for (int n = 0; n < load.batch; ++n) FillDisclosure(records, partners, *request.add_requests());
          return true;
        },
        [](const v1::StreamDisclosuresResponse& response) {
          const auto good =
              static_cast<int>(std::count_if(response.answers().begin(), response.answers().end(), Authorised));
          return std::make_pair(good, response.answers_size() - good);
        }));
    stubs.For(i).async()->StreamDisclosures(&callers.back()->context(), callers.back().get());
    callers.back()->Start();
  }
  std::vector<LoadResult> results;
  for (auto& caller : callers) results.push_back(caller->Wait());
  return Sum(results, start);
}

}  // namespace postern::bench
