// The disclosing half of a gateway on real files, with the retail bundle in force; what it releases goes to a sink that
// the test brings. For the tests of server/disclosure and server/delivery.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/postern/v1/audit.pb.h"
#include "proto/postern/v1/storefront_service.pb.h"
#include "server/disclosure/committer.h"
#include "server/disclosure/discloser.h"
#include "server/disclosure/refusal_recorder.h"
#include "tests/unit/server/disclosure/faulty_store.h"
#include "tests/unit/server/registry/control_fixture.h"

namespace postern::disclosure {

inline constexpr absl::string_view kSwift = "partners/swift-parcel";
inline constexpr absl::string_view kNordic = "partners/nordic-freight";
inline constexpr absl::string_view kClearPay = "partners/clear-pay";

class GatewayFixture {
 public:
  using MakeSink = std::function<ReleaseSink*(GatewayFixture&)>;

  // `make_sink` is called when the parts before it are there; may be null.
  // `edit` changes the contracts' texts, from and to.
  explicit GatewayFixture(MakeSink make_sink = nullptr, size_t max_queued_entries = 8192,
                          const std::vector<std::pair<std::string, std::string>>& edit = {});
  ~GatewayFixture();

  // Makes the parts anew on the same files: a restart. `before_start` runs between the two lives.
  void Restart(const std::function<void()>& close_sink, MakeSink make_sink);

  // The clock of everything that this makes; may be advanced while it runs.
  absl::Time now() const { return absl::FromUnixNanos(now_nanos_.load()); }
  std::function<absl::Time()> clock() const {
    return [this] { return now(); };
  }
  void Advance(absl::Duration by) { now_nanos_ += absl::ToInt64Nanoseconds(by); }
  std::string NewRequestId();
  // A complete shipment of a customer to one or more carriers, "delivery".
  v1::CreateDisclosureRequest Shipment(absl::string_view reference, uint64_t version = 0,
                                       std::vector<std::string> partners = {std::string(kSwift)});
  v1::ExchangeRequest Payment(absl::string_view reference);

  absl::StatusOr<v1::CreateDisclosureResponse> Create(const v1::CreateDisclosureRequest& request);
  // The one result of a request to one target; its disclosure's name.
  std::string Disclose(absl::string_view reference, uint64_t version = 0);
  absl::StatusOr<std::vector<v1::DisclosureAnswer>> CreateBatch(
      const std::vector<v1::CreateDisclosureRequest>& requests);
  // Reason of a refused target or request.
  v1::ErrorReason RefusalOf(const v1::CreateDisclosureRequest& request);

  identity::Principal shop() const;
  identity::Principal partner(absl::string_view name) const;
  storage::PartnerId IdOf(absl::string_view name) const;
  const registry::PartnerView& View(absl::string_view name);
  // Audit entries of a kind, in order.
  std::vector<v1::AuditEntry> Audit(v1::AuditEntry::Kind kind);

  registry::TempDirectory directory;
  std::unique_ptr<registry::ControlFixture> control;
  std::unique_ptr<storage::FaultyStore> store;
  std::unique_ptr<RefusalRecorder> refusals;
  std::unique_ptr<Committer> committer;
  registry::SubjectStandings standings;
  std::unique_ptr<Discloser> discloser;
  std::function<void(const std::string& partner, const std::string& path)> on_finding;  // of the verifier; may be null
  std::vector<bool> serving;  // as told by the committer; read it when nothing is under way

 private:
  void Open(const MakeSink& make_sink);
  void Close();

  const size_t max_queued_entries_;
  std::atomic<int64_t> now_nanos_{absl::ToUnixNanos(registry::ControlFixture::DefaultNow())};
  crypto::Uuid7Generator ids_;
  std::shared_ptr<const registry::Snapshot> viewed_;
};

}  // namespace postern::disclosure
