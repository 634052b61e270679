// A control plane on real files: SQLite store, key store, snapshot builder; delivery and the listener are recorded. For
// the tests of server/registry and server/revocation.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/postern/v1/operator_service.pb.h"
#include "server/crypto/key_store.h"
#include "server/crypto/signature.h"
#include "server/registry/bundle_registry.h"
#include "server/registry/control_plane.h"
#include "server/registry/partner_registry.h"
#include "server/storage/store.h"

namespace postern::registry {

// What was asked of delivery and of the listener.
class RecordingPorts : public PartnerCutter, public ConnectionAborter {
 public:
  Cut StopPartner(absl::string_view partner, const absl::Status& status) override;
  void Reload(storage::PartnerId partner) override { reloaded.push_back(partner); }
  int LiveStreams(absl::string_view) const override { return live_streams; }
  int AbortPartner(absl::string_view partner) override;

  int live_streams = 0;  // ended by the next StopPartner
  std::function<void()> on_stop;
  std::vector<std::pair<std::string, absl::Status>> stopped;
  std::vector<storage::PartnerId> reloaded;
  std::vector<std::string> aborted;
};

// A directory of its own, removed at the end.
class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// One gateway's state on the files in `directory`. Making a second one after the first is gone is a restart.
class ControlFixture {
 public:
  explicit ControlFixture(const std::string& directory, absl::Time now = DefaultNow());
  ~ControlFixture();

  static absl::Time DefaultNow();
  void Advance(absl::Duration by) { now_ += by; }
  absl::Time now() const { return now_; }

  // A partner with a valid identity; DRAFT.
  v1::Partner Create(absl::string_view id, absl::string_view kind = "logistics");
  // The retail bundle applied by alice with the contract texts changed by `edit`: from → to.
  v1::PolicyBundle Bundle(const std::vector<std::pair<std::string, std::string>>& edit = {}) const;
  // Creates swift-parcel, nordic-freight and clear-pay, applies the bundle and activates every pending revision.
  void Serve(const std::vector<std::pair<std::string, std::string>>& edit = {});
  void ActivateAll(absl::string_view principal);
  v1::Partner Get(absl::string_view name);
  // Alice asks for the update, bob for the same.
  absl::StatusOr<v1::Partner> UpdateByTwo(v1::UpdatePartnerRequest request);
  storage::PartnerRow Row(absl::string_view name);

  // Commits `count` disclosures of shop.v1.Shipment for delivery; `first` numbers their record keys and handles.
  // Returns their ledger positions.
  std::vector<int64_t> Disclose(absl::string_view partner, int count, int first = 0);
  void Handed(absl::string_view partner, int64_t seq);
  void Acknowledge(absl::string_view partner, std::vector<int64_t> seqs);

  // Details["action"] of every audit entry so far, in order.
  std::vector<std::string> AuditActions();

  std::string directory;
  std::unique_ptr<storage::Store> store;
  std::unique_ptr<crypto::KeyStore> keys;
  SnapshotHolder holder;
  std::unique_ptr<SnapshotBuilder> snapshots;
  EventFeed events;
  RecordingPorts ports;
  ControlPlane control;
  PartnerRegistry partners{&control};
  BundleRegistry bundles{&control};
  std::vector<std::string> event_names;

 private:
  absl::Time now_;
  EventFeed::Subscription subscription_;
};

// A self-signed certificate, PEM; the same within a process.
const std::string& TestCertificate();

}  // namespace postern::registry
