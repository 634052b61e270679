#include "server/gateway/metrics.h"

#include <prometheus/text_serializer.h>

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/base/failpoint.h"

namespace postern::gateway {
namespace {

struct SampleName {
  const char* name;
  const char* help;
};

// In the order of Metrics::Sample.
constexpr SampleName kSamples[] = {
    {"postern_serving", "1 while the ledger accepts writes and the gateway serves"},
    {"postern_commit_queue_entries", "Entries that wait for the committing thread"},
    {"postern_commit_groups_total", "Ledger transactions since the start"},
    {"postern_committed_entries_total", "Disclosures committed since the start"},
    {"postern_commit_failures_total", "Commit groups that could not be written"},
    {"postern_compared_projections_total",
     "Projections that the independent verifier has compared with their records value by value"},
    {"postern_verifier_findings_total", "Projections that held more than was granted; any is an emergency"},
    {"postern_audit_entries", "Leaves of the audit log"},
    {"postern_checkpoint_entries", "Leaves that the last published checkpoint covers"},
    {"postern_checkpoint_failures_total", "Checkpoints that could not be published"},
    {"postern_certificate_reloads_total", "Certificates taken over without a restart"},
    {"postern_certificate_failures_total", "Changed certificates that were refused; the old ones stay"},
    {"postern_partner_connections", "Open connections of partners"},
    {"postern_outbound_channels", "Partners that the gateway itself delivers to, by push or webhook"},
    {"postern_outbound_channels_unproven", "Of these, with an endpoint that has not answered its challenge"},
    {"postern_outbound_channels_failing", "Of these, with a last call that failed"},
    {"postern_contract_suspensions_total", "Partners suspended because a contract or document ended"},
    {"postern_contract_terminations_total", "Partners terminated because their grace ended"},
    {"postern_contract_warnings_total", "Warnings before the end of a contract or document"},
    {"postern_campaigns_overdue_total", "Deletion campaigns that became overdue"},
    {"postern_contract_clock_failures_total", "Rounds of the contract clock that failed"},
    {"postern_campaign_failures_total", "Rounds of notice writing that failed"},
    {"postern_self_check_time_seconds", "When the last self-check ended, in Unix time; 0 before the first"},
    {"postern_self_check_errors", "Findings of the last self-check that need somebody now"},
    {"postern_self_check_warnings", "Findings of the last self-check that need somebody within weeks"},
};
static_assert(std::size(kSamples) == static_cast<size_t>(Metrics::Sample::kCount));

constexpr const char* kStreamNames[] = {"disclosures", "receive", "outcomes", "events", "health", "reflection"};

// Brings a counter to a total that is counted elsewhere.
void RaiseTo(prometheus::Counter& counter, double total) {
  if (total > counter.Value()) counter.Increment(total - counter.Value());
}

// "ERROR_REASON_PARTNER_SUSPENDED" -> "partner_suspended".
std::string ReasonLabel(int reason) {
  absl::string_view name = v1::ErrorReason_Name(static_cast<v1::ErrorReason>(reason));
  absl::ConsumePrefix(&name, "ERROR_REASON_");
  return absl::AsciiStrToLower(name);
}

}  // namespace

// One name a quantity, one label: the partner.
struct Metrics::DeliveryFamilies {
  explicit DeliveryFamilies(prometheus::Registry& registry) : registry_(registry) {}

  prometheus::Family<prometheus::Gauge>& Gauge(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry_);
  }
  prometheus::Family<prometheus::Counter>& Counter(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry_);
  }

  prometheus::Registry& registry_;
  prometheus::Family<prometheus::Gauge>& streams =
      Gauge("postern_partner_receive_streams", "Receive streams of a partner");
  prometheus::Family<prometheus::Gauge>& in_flight =
      Gauge("postern_partner_in_flight_records", "Records handed over and not acknowledged");
  prometheus::Family<prometheus::Gauge>& window_records =
      Gauge("postern_partner_window_records", "Records of a partner that are in memory");
  prometheus::Family<prometheus::Gauge>& window_bytes =
      Gauge("postern_partner_window_bytes", "Bytes of a partner's records that are in memory");
  prometheus::Family<prometheus::Gauge>& possibly_held =
      Gauge("postern_partner_possibly_held_records", "Records that a partner may hold without having acknowledged");
  prometheus::Family<prometheus::Gauge>& backlog =
      Gauge("postern_partner_backlog_records", "Records that wait and cannot be with the partner");
  prometheus::Family<prometheus::Counter>& delivered =
      Counter("postern_partner_delivered_records_total", "Records handed over since the start, repeated ones included");
  prometheus::Family<prometheus::Counter>& redelivered =
      Counter("postern_partner_redelivered_records_total", "Records handed over again since the start");
  prometheus::Family<prometheus::Counter>& acknowledged =
      Counter("postern_partner_acknowledged_records_total", "Records acknowledged since the start");
};

Metrics::Metrics() {
  const prometheus::Histogram::BucketBoundaries seconds = {0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01,
                                                           0.02,   0.05,   0.1,    0.2,   0.5,   1,     5};
  MakeReasonCounters(prometheus::BuildCounter()
                         .Name("postern_disclosures_total")
                         .Help("Targets of disclosures answered, by result")
                         .Register(registry_),
                     "authorised", &disclosures_);
  MakeReasonCounters(prometheus::BuildCounter()
                         .Name("postern_refused_calls_total")
                         .Help("Calls refused before they reached their service, by reason")
                         .Register(registry_),
                     "internal", &refused_calls_);
  group_entries_ = &prometheus::BuildHistogram()
                        .Name("postern_commit_group_entries")
                        .Help("Entries of a commit group")
                        .Register(registry_)
                        .Add({}, prometheus::Histogram::BucketBoundaries{1, 2, 4, 8, 16, 32, 64, 128, 256, 512});
  group_seconds_ = &prometheus::BuildHistogram()
                        .Name("postern_commit_seconds")
                        .Help("From taking a commit group from the queue until it is durable")
                        .Register(registry_)
                        .Add({}, seconds);
  sync_seconds_ = &prometheus::BuildHistogram()
                       .Name("postern_ledger_sync_seconds")
                       .Help("COMMIT of a ledger transaction of any kind: writing and syncing the log")
                       .Register(registry_)
                       .Add({}, seconds);
  auto& streams = prometheus::BuildGauge().Name("postern_streams").Help("Open streams").Register(registry_);
  for (size_t i = 0; i < streams_.size(); ++i) streams_[i] = &streams.Add({{"kind", kStreamNames[i]}});
  for (size_t i = 0; i < samples_.size(); ++i) {
    const SampleName& sample = kSamples[i];
    if (absl::EndsWith(sample.name, "_total")) {
      samples_[i].counter = &prometheus::BuildCounter().Name(sample.name).Help(sample.help).Register(registry_).Add({});
    } else {
      samples_[i].gauge = &prometheus::BuildGauge().Name(sample.name).Help(sample.help).Register(registry_).Add({});
    }
  }
  certificate_days_ = &prometheus::BuildGauge()
                           .Name("postern_certificate_days_left")
                           .Help("Days until a certificate in use ends")
                           .Register(registry_);
  key_age_days_ = &prometheus::BuildGauge()
                       .Name("postern_key_age_days")
                       .Help("Days since a key file was changed")
                       .Register(registry_);
  campaigns_ = &prometheus::BuildGauge()
                    .Name("postern_deletion_campaigns")
                    .Help("Deletion campaigns, by state")
                    .Register(registry_);
  findings_ = &prometheus::BuildCounter()
                   .Name("postern_supervision_findings_total")
                   .Help("What stood out in partners' use since the start, by detector")
                   .Register(registry_);
  contract_days_ = &prometheus::BuildGauge()
                        .Name("postern_contract_days_left")
                        .Help("Days until a contract in force, or a document of it, ends")
                        .Register(registry_);
  delivery_ = std::make_unique<DeliveryFamilies>(registry_);
}

Metrics::~Metrics() = default;

void Metrics::MakeReasonCounters(prometheus::Family<prometheus::Counter>& family, const std::string& when_none,
                                 ReasonCounters* out) {
  for (size_t i = 0; i < out->size(); ++i) {
    if (!v1::ErrorReason_IsValid(static_cast<int>(i))) continue;
    (*out)[i] = &family.Add({{"result", i == 0 ? when_none : ReasonLabel(static_cast<int>(i))}});
  }
}

void Metrics::OnRefusedCall(v1::ErrorReason reason) {
  if (base::FailpointSkips("metrics.skip")) return;
  refused_calls_[reason]->Increment();
}
void Metrics::OnDisclosure(v1::ErrorReason reason) {
  disclosures_[reason]->Increment();
}
void Metrics::OnStreamOpened(rpc::StreamKind kind) {
  streams_[static_cast<size_t>(kind)]->Increment();
}
void Metrics::OnStreamClosed(rpc::StreamKind kind) {
  streams_[static_cast<size_t>(kind)]->Decrement();
}

void Metrics::OnCommitGroup(size_t entries, absl::Duration time) {
  group_entries_->Observe(static_cast<double>(entries));
  group_seconds_->Observe(absl::ToDoubleSeconds(time));
}
void Metrics::OnLedgerSync(absl::Duration time) {
  sync_seconds_->Observe(absl::ToDoubleSeconds(time));
}

void Metrics::Set(Sample sample, double value) {
  const SampleMetric& metric = samples_[static_cast<size_t>(sample)];
  if (metric.counter != nullptr) {
    RaiseTo(*metric.counter, value);
  } else {
    metric.gauge->Set(value);
  }
}

void Metrics::SetCertificateDays(const std::string& certificate, double days) {
  certificate_days_->Add({{"certificate", certificate}}).Set(days);
}

void Metrics::SetKeyAgeDays(const std::string& key, double days) {
  key_age_days_->Add({{"key", key}}).Set(days);
}

void Metrics::SetCampaigns(const std::string& state, double count) {
  campaigns_->Add({{"state", state}}).Set(count);
}

void Metrics::SetFindings(const std::string& detector, double count) {
  RaiseTo(findings_->Add({{"detector", detector}}), count);
}

void Metrics::SetContractDays(const std::map<std::string, double>& days) {
  absl::MutexLock lock(&mutex_);
  for (auto it = contracts_.begin(); it != contracts_.end();) {
    if (days.count(it->first) != 0) {
      ++it;
      continue;
    }
    contract_days_->Remove(it->second);
    it = contracts_.erase(it);
  }
  for (const auto& [contract, left] : days) {
    prometheus::Gauge*& gauge = contracts_[contract];
    if (gauge == nullptr) gauge = &contract_days_->Add({{"contract", contract}});
    gauge->Set(left);
  }
}

void Metrics::SetDelivery(const std::string& partner, const Delivery& delivery) {
  const prometheus::Labels labels = {{"partner", partner}};
  delivery_->streams.Add(labels).Set(delivery.streams);
  delivery_->in_flight.Add(labels).Set(delivery.in_flight);
  delivery_->window_records.Add(labels).Set(delivery.window_records);
  delivery_->window_bytes.Add(labels).Set(delivery.window_bytes);
  delivery_->possibly_held.Add(labels).Set(delivery.possibly_held);
  delivery_->backlog.Add(labels).Set(delivery.backlog);
  RaiseTo(delivery_->delivered.Add(labels), delivery.delivered_total);
  RaiseTo(delivery_->redelivered.Add(labels), delivery.redelivered_total);
  RaiseTo(delivery_->acknowledged.Add(labels), delivery.acknowledged_total);
}

std::string Metrics::Text() const {
  return prometheus::TextSerializer().Serialize(registry_.Collect());
}

}  // namespace postern::gateway
