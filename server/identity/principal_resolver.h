// From a TLS peer to a principal: which certificate, vouched for by whom, is which caller on which listener.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "server/identity/certificate.h"
#include "server/identity/principal.h"
#include "server/identity/role_table.h"
#include "server/identity/trust.h"
#include "server/registry/snapshot.h"

namespace postern::identity {

// A person as configured. The roles hold on the days of the confidentiality agreement, first and last included, in UTC
// (W3b).
struct Person {
  std::string san;
  std::vector<Role> roles;
  absl::CivilDay agreement_from;
  absl::CivilDay agreement_until;
};

// What the peer showed in the handshake.
struct PeerCertificates {
  absl::string_view leaf_pem;
  absl::string_view chain_pem;  // may be empty
};

// Who calls, as of one snapshot.
struct Caller {
  std::shared_ptr<const Principal> principal;
  std::shared_ptr<const registry::Snapshot> snapshot;
  // The caller's own state if it is a partner.
  v1::PartnerState partner_state = v1::PARTNER_STATE_UNSPECIFIED;
};

// Thread-safe.
class PrincipalResolver {
 public:
  struct Options {
    std::vector<std::string> storefronts;  // SANs
    std::vector<Person> people;
    std::shared_ptr<const TrustBundle> shop;
    std::shared_ptr<const TrustBundle> operators;
    const registry::SnapshotHolder* snapshots = nullptr;  // outlives this
  };
  explicit PrincipalResolver(Options options);

  // For the handshake: OK if some bundle of the listener vouches for the chain at `now`, whatever name it carries. A
  // wrong name gets a precise answer to its first call, which a failed handshake could not give.
  absl::Status CheckChain(Listener listener, const PeerCertificates& peer, absl::Time now);

  // For every call. UNAUTHENTICATED, IDENTITY_AMBIGUOUS or CREDENTIAL_EXPIRED as those are documented; ROLE_DENIED for
  // a person without an agreement in force. A repeated peer under an unchanged snapshot costs one look-up.
  absl::StatusOr<Caller> Resolve(Listener listener, const PeerCertificates& peer, absl::Time now);

  // Replaces the bundle of the shop or the operators' listener; calls from then on are judged by it.
  void SetTrust(Listener listener, std::shared_ptr<const TrustBundle> bundle);

 private:
  struct PartnerIdentity {
    std::string partner;
    v1::PartnerState state;
    std::shared_ptr<const TrustBundle> trust;
  };
  // The partners' identities of one snapshot.
  struct PartnerIndex {
    std::shared_ptr<const registry::Snapshot> snapshot;
    absl::flat_hash_map<std::string, std::vector<PartnerIdentity>> by_name;
    absl::flat_hash_map<std::string, std::shared_ptr<const TrustBundle>> bundles;  // by PEM text
  };
  struct Resolved {
    Caller caller;
    absl::Time valid_until;
  };

  std::shared_ptr<const PartnerIndex> Index(std::shared_ptr<const registry::Snapshot> snapshot);
  std::shared_ptr<const TrustBundle> Trust(Listener listener) const;
  absl::StatusOr<Resolved> ResolveStorefront(const Certificate& certificate, absl::Time now) const;
  absl::StatusOr<Resolved> ResolvePerson(const Certificate& certificate, absl::Time now) const;
  absl::StatusOr<Resolved> ResolvePartner(const Certificate& certificate, const PartnerIndex& index,
                                          absl::Time now) const;

  const std::vector<std::string> storefronts_;
  const std::vector<Person> people_;
  const registry::SnapshotHolder* const snapshots_;

  mutable absl::Mutex mutex_;
  std::shared_ptr<const TrustBundle> shop_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const TrustBundle> operators_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const PartnerIndex> index_ ABSL_GUARDED_BY(mutex_);
  uint64_t trust_generation_ ABSL_GUARDED_BY(mutex_) = 0;  // counts SetTrust
  // Successful answers by leaf PEM, one map a listener; bounded, dropped whole when trust or the snapshot changes, so
  // that no answer keeps an old snapshot alive.
  std::shared_ptr<const registry::Snapshot> cached_for_ ABSL_GUARDED_BY(mutex_);
  std::array<absl::flat_hash_map<std::string, Resolved>, 3> resolved_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::identity
