// Prometheus metrics. Labels are reasons, states, partners' ids and our own words; never anything from a record or
// about a person.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/postern/v1/errors.pb.h"
#include "server/rpc/call_observer.h"

namespace postern::gateway {

// Thread-safe. Counters count as things happen; gauges are set by whoever samples, just before a scrape.
class Metrics final : public rpc::CallObserver {
 public:
  Metrics();
  ~Metrics() override;

  // rpc::CallObserver
  void OnRefusedCall(v1::ErrorReason reason) override;
  void OnDisclosure(v1::ErrorReason reason) override;
  void OnStreamOpened(rpc::StreamKind kind) override;
  void OnStreamClosed(rpc::StreamKind kind) override;

  // A group of the ledger's became durable, and a COMMIT returned.
  void OnCommitGroup(size_t entries, absl::Duration time);
  void OnLedgerSync(absl::Duration time);

  // Sets a value that is not about one partner: "postern_commit_queue_entries" and the like, see metrics.cc for the
  // list.
  enum class Sample {
    kServing,
    kCommitQueue,
    kCommitGroups,
    kCommittedEntries,
    kCommitFailures,
    kComparedProjections,
    kVerifierFindings,
    kAuditTreeSize,
    kCheckpointSize,
    kCheckpointFailures,
    kCertificateReloads,
    kCertificateFailures,
    kPartnerConnections,
    kOutboundChannels,
    kOutboundUnproven,
    kOutboundFailing,
    kContractsSuspended,
    kContractsTerminated,
    kContractWarnings,
    kCampaignsOverdue,
    kClockFailures,
    kCampaignFailures,
    kSelfCheckTime,
    kSelfCheckErrors,
    kSelfCheckWarnings,
    kCount,
  };
  void Set(Sample sample, double value);
  void SetCertificateDays(const std::string& certificate, double days);
  void SetKeyAgeDays(const std::string& key, double days);
  void SetCampaigns(const std::string& state, double count);
  // Of supervision, since the start.
  void SetFindings(const std::string& detector, double count);
  // Days until each contract in force ends, by resource name; contracts that are not named any more disappear.
  void SetContractDays(const std::map<std::string, double>& days);

  // One partner's delivery, by its id ("acme"). The totals never fall while the process lives.
  struct Delivery {
    double streams = 0;
    double in_flight = 0;
    double window_records = 0;
    double window_bytes = 0;
    double delivered_total = 0;
    double redelivered_total = 0;
    double acknowledged_total = 0;
    double possibly_held = 0;
    double backlog = 0;
  };
  void SetDelivery(const std::string& partner, const Delivery& delivery);

  // Everything in Prometheus' text format.
  std::string Text() const;

 private:
  static constexpr size_t kReasons = v1::ErrorReason_MAX + 1;
  using ReasonCounters = std::array<prometheus::Counter*, kReasons>;
  static void MakeReasonCounters(prometheus::Family<prometheus::Counter>& family, const std::string& when_none,
                                 ReasonCounters* out);

  prometheus::Registry registry_;
  // Point into registry_, constant after construction.
  ReasonCounters disclosures_{};
  ReasonCounters refused_calls_{};
  std::array<prometheus::Gauge*, 6> streams_{};
  prometheus::Histogram* group_entries_ = nullptr;
  prometheus::Histogram* group_seconds_ = nullptr;
  prometheus::Histogram* sync_seconds_ = nullptr;
  struct SampleMetric {  // one of the two
    prometheus::Gauge* gauge = nullptr;
    prometheus::Counter* counter = nullptr;
  };
  std::array<SampleMetric, static_cast<size_t>(Sample::kCount)> samples_{};
  prometheus::Family<prometheus::Gauge>* certificate_days_ = nullptr;
  prometheus::Family<prometheus::Gauge>* key_age_days_ = nullptr;
  prometheus::Family<prometheus::Gauge>* campaigns_ = nullptr;
  prometheus::Family<prometheus::Counter>* findings_ = nullptr;
  struct DeliveryFamilies;
  std::unique_ptr<DeliveryFamilies> delivery_;
  prometheus::Family<prometheus::Gauge>* contract_days_ = nullptr;

  absl::Mutex mutex_;
  std::map<std::string, prometheus::Gauge*> contracts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::gateway
