// The shop's backend: streams shipments to the carriers, takes payments by Exchange, and waits for the outcome of
// everything.
#include <atomic>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/storefront/disclosure_pipeline.h"
#include "client/storefront/outcome_watcher.h"
#include "client/storefront/storefront_client.h"
#include "client/transport/channel.h"
#include "deploy/demo/orders.h"
#include "deploy/demo/transcript.h"
#include "google/rpc/error_details.pb.h"

namespace {

using namespace postern;  // NOLINT(google-build-using-namespace)

struct Options {
  client::Endpoint gateway;
  std::string folder;
  int records = 1000;
  int rate = 800;  // records a second
  int payment_every = 5;
  int outcome_seconds = 60;
};

std::string ReasonIn(const google::rpc::Status& status) {
  for (const auto& detail : status.details()) {
    google::rpc::ErrorInfo info;
    if (detail.UnpackTo(&info)) return info.reason();
  }
  return absl::StrCat("code ", status.code());
}

// What was authorised and what became of it.
class Ledger {
 public:
  explicit Ledger(const std::string& folder)
      : answers_(absl::StrCat(folder, "/answers.tsv")), outcomes_(absl::StrCat(folder, "/outcomes.tsv")) {}

  void Answer(const v1::DisclosureAnswer& answer) {
    absl::MutexLock lock(&mutex_);
    ++answered_;
    if (answer.status().code() != 0) {
      answers_ << absl::StrCat(answer.request_id(), "\t-\trefused\t", ReasonIn(answer.status()), "\n");
      return;
    }
    for (const auto& result : answer.results()) {
      if (result.has_disclosure()) {
        waiting_.insert(result.disclosure().name());
        answers_ << absl::StrCat(result.disclosure().name(), "\t", result.target().partner(), "\tauthorised\t\n");
      } else {
        answers_ << absl::StrCat(answer.request_id(), "\t", result.target().partner(), "\trefused\t",
                                 ReasonIn(result.error()), "\n");
      }
    }
  }

  void Outcomes(const v1::WatchOutcomesResponse& response) {
    absl::MutexLock lock(&mutex_);
    for (const auto& outcome : response.outcomes()) {
      outcomes_ << absl::StrCat(outcome.disclosure(), "\t", v1::DisclosureState_Name(outcome.state()), "\t",
                                outcome.reason(), "\n");
      decided_.insert(outcome.disclosure());
    }
  }

  // Waits until every authorised disclosure has an outcome. Returns how many have none.
  size_t WaitForOutcomes(absl::Duration patience) {
    absl::MutexLock lock(&mutex_);
    const auto complete = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return Undecided() == 0; };
    mutex_.AwaitWithTimeout(absl::Condition(&complete), patience);
    answers_.flush();
    outcomes_.flush();
    return Undecided();
  }
  int answered() {
    absl::MutexLock lock(&mutex_);
    return answered_;
  }

 private:
  size_t Undecided() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    size_t count = 0;
    for (const std::string& name : waiting_) count += decided_.count(name) == 0 ? 1 : 0;
    return count;
  }

  absl::Mutex mutex_;
  std::ofstream answers_ ABSL_GUARDED_BY(mutex_);
  std::ofstream outcomes_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> waiting_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> decided_ ABSL_GUARDED_BY(mutex_);
  int answered_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Takes payments while shipments stream; keeps what came back for the byte search.
void TakePayments(client::StorefrontClient& client, const std::vector<demo::DemoOrder>& orders, int every,
                  demo::Transcript& transcript, std::atomic<int>& paid, std::atomic<int>& failed) {
  for (size_t i = 0; i < orders.size(); i += static_cast<size_t>(every)) {
    v1::ExchangeRequest request;
    request.mutable_record()->set_type("shop.v1.PaymentRequest");
    request.mutable_record()->set_data(orders[i].payment.SerializeAsString());
    request.mutable_target()->set_partner(absl::StrCat("partners/", demo::kClearPay));
    request.mutable_target()->set_purpose("settlement");
    const auto response = client.Exchange(request);
    if (!response.ok()) {
      ++failed;
      std::cerr << "payment: " << response.status().message() << "\n";
      continue;
    }
    ++paid;
    const v1::Record answer = response->response.value_or(v1::Record());
    transcript.Add(response->disclosure.name(), answer.type(), answer.data(), absl::Now());
  }
}

int Run(const Options& options) {
  const auto channel = client::Connect(options.gateway);
  if (!channel.ok()) {
    std::cerr << channel.status().message() << "\n";
    return 2;
  }
  demo::CanaryMaker canaries(static_cast<uint64_t>(absl::ToUnixNanos(absl::Now())));
  std::vector<demo::DemoOrder> orders;
  {
    std::ofstream planted(absl::StrCat(options.folder, "/planted.tsv"));
    for (int i = 0; i < options.records; ++i) {
      orders.push_back(demo::MakeOrder(i, canaries));
      for (const demo::Planted& p : orders.back().planted) planted << demo::ToLine(p);
    }
  }
  {
    demo::Transcript sent(absl::StrCat(options.folder, "/sent"));
    for (const demo::DemoOrder& order : orders)
      sent.Add(order.shipment.reference(), "shop.v1.Shipment", order.shipment.SerializeAsString(), absl::Now());
  }

  Ledger ledger(options.folder);
  client::OutcomeWatcher watcher(
      *channel, "",
      [&](const v1::WatchOutcomesResponse& response) {
        ledger.Outcomes(response);
        return true;
      },
      [](const absl::Status& status) { std::cerr << "outcomes: " << status.message() << "\n"; });
  client::StorefrontClient client(*channel, {});
  demo::Transcript responses(options.folder);
  std::atomic<int> paid{0};
  std::atomic<int> failed{0};
  std::thread payments([&] { TakePayments(client, orders, options.payment_every, responses, paid, failed); });

  client::DisclosurePipeline pipeline(*channel, {}, [&](const v1::DisclosureAnswer& answer) { ledger.Answer(answer); });
  const absl::Time start = absl::Now();
  for (size_t i = 0; i < orders.size(); ++i) {
    absl::SleepFor(start + absl::Seconds(1) * static_cast<double>(i) / options.rate - absl::Now());
    v1::CreateDisclosureRequest request;
    request.mutable_record()->set_type("shop.v1.Shipment");
    request.mutable_record()->set_data(orders[i].shipment.SerializeAsString());
    for (const char* carrier : {demo::kSwift, demo::kNordic}) {
      auto& target = *request.add_targets();
      target.set_partner(absl::StrCat("partners/", carrier));
      target.set_purpose("delivery");
    }
    if (const absl::Status status = pipeline.Send(std::move(request)); !status.ok()) {
      std::cerr << "stream: " << status.message() << "\n";
      break;
    }
  }
  const absl::Status streamed = pipeline.Finish();
  if (!streamed.ok()) std::cerr << "stream: " << streamed.message() << "\n";
  payments.join();
  const size_t undecided = ledger.WaitForOutcomes(absl::Seconds(options.outcome_seconds));
  watcher.Stop();
  std::cout << absl::StrCat("{\"records_sent\":", options.records, ",\"answered\":", ledger.answered(),
                            ",\"paid\":", paid.load(), ",\"payments_failed\":", failed.load(),
                            ",\"without_outcome\":", undecided, "}\n");
  return streamed.ok() && undecided == 0 && failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("The shop's backend of the demo", "demo-shop");
  app.add_option("--address", options.gateway.address)->required();
  app.add_option("--cert", options.gateway.tls.certificate)->required();
  app.add_option("--key", options.gateway.tls.private_key)->required();
  app.add_option("--ca", options.gateway.tls.trust_bundle)->required();
  app.add_option("--folder", options.folder)->required();
  app.add_option("--records", options.records);
  app.add_option("--rate", options.rate, "Records a second");
  app.add_option("--outcome-seconds", options.outcome_seconds, "How long to wait for outcomes");
  CLI11_PARSE(app, argc, argv);
  return Run(options);
}
