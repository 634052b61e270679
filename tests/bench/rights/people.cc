#include "tests/bench/rights/people.h"

#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/time/clock.h"
#include "client/transport/request_id.h"

namespace postern::bench {
namespace {

constexpr int kInFlight = 32;

// One of several callers that share the numbers to come.
class Turn {
 public:
  using CallFn = std::function<void(int64_t number, std::function<void(bool success)> done)>;

  Turn(std::atomic<int64_t>& next, int64_t count, const CallFn& call, absl::BlockingCounter& left)
      : next_(next), count_(count), call_(call), left_(left) {}

  void Next() {
    const int64_t number = next_.fetch_add(1);
    if (number >= count_) {
      left_.DecrementCount();
      return;
    }
    call_(number, [this](bool success) {
      if (!success) ++errors;
      Next();
    });
  }

  int64_t errors = 0;

 private:
  std::atomic<int64_t>& next_;
  const int64_t count_;
  const CallFn& call_;
  absl::BlockingCounter& left_;
};

}  // namespace

People::People(Site* site) : site_(*site), rights_(site->ShopEndpoint(), 1), retention_(site->OperatorEndpoint(), 1) {}

v1::SubjectRequest People::Ask(int64_t person, v1::SubjectRequest::Kind kind) {
  v1::CreateSubjectRequestRequest create;
  create.mutable_subject()->set_id(Records::PersonId(person));
  create.set_kind(kind);
  create.set_request_id(client::NewRequestId(absl::Now()));
  create.mutable_verification()->set_method("account login and second factor");
  v1::SubjectRequest asked;
  grpc::ClientContext creating;
  RequireOk(rights_.For(0).CreateSubjectRequest(&creating, create, &asked), "CreateSubjectRequest");
  v1::RunSubjectRequestRequest run;
  run.set_name(asked.name());
  v1::SubjectRequest running;
  grpc::ClientContext context;
  RequireOk(rights_.For(0).RunSubjectRequest(&context, run, &running), "RunSubjectRequest");
  Require(kind == v1::SubjectRequest::KIND_ACCESS ? running.state() == v1::SubjectRequest::STATE_FULFILLED
                                                  : running.has_effective_time(),
          absl::StrCat("a request stays ", running.ShortDebugString()));
  return running;
}

v1::GetAccessReportResponse People::Report(const std::string& request) {
  v1::GetAccessReportRequest get;
  get.set_name(request);
  v1::GetAccessReportResponse report;
  grpc::ClientContext context;
  RequireOk(rights_.For(0).GetAccessReport(&context, get, &report), "GetAccessReport");
  return report;
}

void People::RunAll(int64_t count, const std::string& what, const Turn::CallFn& call) {
  std::atomic<int64_t> next{0};
  absl::BlockingCounter left(kInFlight);
  std::vector<std::unique_ptr<Turn>> turns;
  for (int i = 0; i < kInFlight; ++i) turns.push_back(std::make_unique<Turn>(next, count, call, left));
  for (const auto& turn : turns) turn->Next();
  left.Wait();
  int64_t errors = 0;
  for (const auto& turn : turns) errors += turn->errors;
  Require(errors == 0, absl::StrCat(errors, " of ", count, " calls of ", what, " failed"));
}

void People::Consent(int64_t count, const std::string& purpose) {
  RunAll(count, "SetConsent", [&](int64_t person, std::function<void(bool)> done) {
    auto call = std::make_shared<Call<v1::SetConsentRequest, v1::SetConsentResponse>>();
    call->request.mutable_subject()->set_id(Records::PersonId(person));
    call->request.mutable_scope()->set_purpose(purpose);
    call->request.set_granted(true);
    call->request.set_evidence("form-1");
    rights_.For(0).async()->SetConsent(
        &call->context, &call->request, &call->response,
        [call, done = std::move(done)](const grpc::Status& status) { done(status.ok()); });
  });
}

void People::CloseAfterSales(int64_t first, int64_t count, int64_t step, absl::Time time) {
  RunAll((count + step - 1) / step, "ReportOrderEvent", [&](int64_t number, std::function<void(bool)> done) {
    auto call = std::make_shared<Call<v1::ReportOrderEventRequest, v1::ReportOrderEventResponse>>();
    call->request.set_order_id(Records::OrderId(first + number * step));
    call->request.set_event(v1::ORDER_EVENT_AFTER_SALES_CLOSED);
    call->request.mutable_event_time()->set_seconds(absl::ToUnixSeconds(time));
    site_.shop()
        .For(static_cast<int>(number))
        .async()
        ->ReportOrderEvent(&call->context, &call->request, &call->response,
                           [call, done = std::move(done)](const grpc::Status& status) { done(status.ok()); });
  });
}

v1::RetentionRound People::RunRetention() {
  v1::RetentionRound round;
  grpc::ClientContext context;
  RequireOk(retention_.For(0).RunRetention(&context, {}, &round), "RunRetention");
  return round;
}

int64_t People::ClosedByRetention() {
  v1::RetentionReport report;
  grpc::ClientContext context;
  RequireOk(retention_.For(0).GetRetentionReport(&context, {}, &report), "GetRetentionReport");
  return report.totals().closed_count();
}

}  // namespace postern::bench
