#include "server/gateway/metrics.h"

#include <prometheus/text_serializer.h>

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

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
    {"postern_verified_projections_total", "Projections that the independent verifier has checked"},
    {"postern_audit_entries", "Leaves of the audit log"},
    {"postern_checkpoint_entries", "Leaves that the last published checkpoint covers"},
    {"postern_checkpoint_failures_total", "Checkpoints that could not be published"},
    {"postern_certificate_reloads_total", "Certificates taken over without a restart"},
    {"postern_certificate_failures_total", "Changed certificates that were refused; the old ones stay"},
    {"postern_partner_connections", "Open connections of partners"},
    {"postern_contract_suspensions_total", "Partners suspended because a contract or document ended"},
    {"postern_contract_terminations_total", "Partners terminated because their grace ended"},
    {"postern_contract_warnings_total", "Warnings before the end of a contract or document"},
    {"postern_campaigns_overdue_total", "Deletion campaigns that became overdue"},
    {"postern_contract_clock_failures_total", "Rounds of the contract clock that failed"},
    {"postern_campaign_failures_total", "Rounds of notice writing that failed"},
};
static_assert(std::size(kSamples) == static_cast<size_t>(Metrics::Sample::kCount));

constexpr const char* kStreamNames[] = {"disclosures", "receive", "outcomes", "events", "health", "reflection"};

// "ERROR_REASON_PARTNER_SUSPENDED" -> "partner_suspended".
std::string ReasonLabel(int reason) {
  absl::string_view name = v1::ErrorReason_Name(static_cast<v1::ErrorReason>(reason));
  absl::ConsumePrefix(&name, "ERROR_REASON_");
  return absl::AsciiStrToLower(name);
}

}  // namespace

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
    samples_[i] = &prometheus::BuildGauge().Name(kSamples[i].name).Help(kSamples[i].help).Register(registry_).Add({});
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
  delivery_ = &prometheus::BuildGauge()
                   .Name("postern_delivery")
                   .Help(
                       "Delivery to one partner: streams, in_flight, window_records, window_bytes, delivered, "
                       "redelivered, acknowledged, possibly_held, backlog")
                   .Register(registry_);
}

void Metrics::MakeReasonCounters(prometheus::Family<prometheus::Counter>& family, const std::string& when_none,
                                 ReasonCounters* out) {
  for (size_t i = 0; i < out->size(); ++i) {
    if (!v1::ErrorReason_IsValid(static_cast<int>(i))) continue;
    (*out)[i] = &family.Add({{"result", i == 0 ? when_none : ReasonLabel(static_cast<int>(i))}});
  }
}

void Metrics::OnRefusedCall(v1::ErrorReason reason) {
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
  samples_[static_cast<size_t>(sample)]->Set(value);
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

void Metrics::SetDelivery(const std::string& partner, const Delivery& delivery) {
  const std::pair<const char*, double> values[] = {
      {"streams", delivery.streams},
      {"in_flight", delivery.in_flight},
      {"window_records", delivery.window_records},
      {"window_bytes", delivery.window_bytes},
      {"delivered", delivery.delivered},
      {"redelivered", delivery.redelivered},
      {"acknowledged", delivery.acknowledged},
      {"possibly_held", delivery.possibly_held},
      {"backlog", delivery.backlog},
  };
  for (const auto& [what, value] : values) delivery_->Add({{"partner", partner}, {"what", what}}).Set(value);
}

std::string Metrics::Text() const {
  return prometheus::TextSerializer().Serialize(registry_.Collect());
}

}  // namespace postern::gateway
