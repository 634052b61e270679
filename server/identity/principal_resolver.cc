#include "server/identity/principal_resolver.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/identity/errors.h"

namespace postern::identity {
namespace {

constexpr size_t kMaxResolved = 4096;

std::shared_ptr<Principal> MakePrincipal(const Certificate& certificate, absl::string_view san, absl::string_view name,
                                         std::vector<Role> roles, absl::Time not_after) {
  auto principal = std::make_shared<Principal>();
  principal->name = std::string(name);
  principal->san = std::string(san);
  principal->roles = std::move(roles);
  principal->not_after = not_after;
  principal->certificate_digest = certificate.digest();
  return principal;
}

}  // namespace

PrincipalResolver::PrincipalResolver(Options options)
    : storefronts_(std::move(options.storefronts)),
      people_(std::move(options.people)),
      snapshots_(options.snapshots),
      shop_(std::move(options.shop)),
      operators_(std::move(options.operators)) {}

void PrincipalResolver::SetTrust(Listener listener, std::shared_ptr<const TrustBundle> bundle) {
  absl::MutexLock lock(&mutex_);
  (listener == Listener::kShop ? shop_ : operators_) = std::move(bundle);
  resolved_[static_cast<size_t>(listener)].clear();
  ++trust_generation_;
}

std::shared_ptr<const TrustBundle> PrincipalResolver::Trust(Listener listener) const {
  absl::MutexLock lock(&mutex_);
  return listener == Listener::kShop ? shop_ : operators_;
}

absl::Status PrincipalResolver::CheckChain(Listener listener, const PeerCertificates& peer, absl::Time now) {
  POSTERN_ASSIGN_OR_RETURN(const auto certificate, Certificate::Parse(peer.leaf_pem, peer.chain_pem));
  if (listener != Listener::kPartners) return Trust(listener)->Verify(*certificate, now).status();
  const auto index = Index(snapshots_->Get());
  absl::Status last = errors::Untrusted("no partner has a trust bundle");
  for (const auto& [pem, bundle] : index->bundles) {
    last = bundle->Verify(*certificate, now).status();
    if (last.ok()) return last;
  }
  return last;
}

absl::StatusOr<Caller> PrincipalResolver::Resolve(Listener listener, const PeerCertificates& peer, absl::Time now) {
  auto& cache = resolved_[static_cast<size_t>(listener)];
  auto snapshot = snapshots_->Get();
  uint64_t generation = 0;
  {
    absl::ReaderMutexLock lock(&mutex_);
    generation = trust_generation_;
    const auto found = cache.find(peer.leaf_pem);
    if (found != cache.end() && now < found->second.valid_until && found->second.caller.snapshot == snapshot) {
      return found->second.caller;
    }
  }
  POSTERN_ASSIGN_OR_RETURN(const auto certificate, Certificate::Parse(peer.leaf_pem, peer.chain_pem));
  POSTERN_RETURN_IF_ERROR(certificate->name().status());
  absl::StatusOr<Resolved> resolved = absl::UnknownError("unset");
  switch (listener) {
    case Listener::kShop:
      resolved = ResolveStorefront(*certificate, now);
      break;
    case Listener::kOperators:
      resolved = ResolvePerson(*certificate, now);
      break;
    case Listener::kPartners:
      resolved = ResolvePartner(*certificate, *Index(snapshot), now);
      break;
  }
  POSTERN_RETURN_IF_ERROR(resolved.status());
  resolved->caller.snapshot = snapshot;
  absl::MutexLock lock(&mutex_);
  // Judged by trust or partners of a moment ago: right for this call, which had begun, and for no later one.
  if (generation != trust_generation_ || snapshot != snapshots_->Get()) return std::move(resolved->caller);
  if (cached_for_ != snapshot) {
    for (auto& answers : resolved_) answers.clear();
    cached_for_ = std::move(snapshot);
  }
  if (cache.size() >= kMaxResolved) cache.clear();
  return cache.insert_or_assign(std::string(peer.leaf_pem), *std::move(resolved)).first->second.caller;
}

absl::StatusOr<PrincipalResolver::Resolved> PrincipalResolver::ResolveStorefront(const Certificate& certificate,
                                                                                 absl::Time now) const {
  POSTERN_ASSIGN_OR_RETURN(const absl::Time until, Trust(Listener::kShop)->Verify(certificate, now));
  const std::string& san = *certificate.name();
  if (std::find(storefronts_.begin(), storefronts_.end(), san) == storefronts_.end()) return errors::NameUnknown(san);
  Resolved out;
  out.caller.principal = MakePrincipal(certificate, san, absl::StrCat("storefront/", san), {Role::kStorefront}, until);
  out.valid_until = until;
  return out;
}

absl::StatusOr<PrincipalResolver::Resolved> PrincipalResolver::ResolvePerson(const Certificate& certificate,
                                                                             absl::Time now) const {
  POSTERN_ASSIGN_OR_RETURN(absl::Time until, Trust(Listener::kOperators)->Verify(certificate, now));
  const std::string& san = *certificate.name();
  const auto person =
      std::find_if(people_.begin(), people_.end(), [&san](const Person& candidate) { return candidate.san == san; });
  if (person == people_.end()) return errors::NameUnknown(san);
  const absl::CivilDay today = absl::ToCivilDay(now, absl::UTCTimeZone());
  if (!base::FailpointSkips("agreement.skip")) {
    if (today < person->agreement_from || today > person->agreement_until) return errors::AgreementNotInForce();
    until = std::min(until, absl::FromCivil(person->agreement_until + 1, absl::UTCTimeZone()));
  }
  Resolved out;
  out.caller.principal = MakePrincipal(certificate, san, absl::StrCat("operators/", san), person->roles, until);
  out.valid_until = until;
  return out;
}

absl::StatusOr<PrincipalResolver::Resolved> PrincipalResolver::ResolvePartner(const Certificate& certificate,
                                                                              const PartnerIndex& index,
                                                                              absl::Time now) const {
  const std::string& san = *certificate.name();
  const auto candidates = index.by_name.find(san);
  if (candidates == index.by_name.end()) return errors::NameUnknown(san);
  const PartnerIdentity* found = nullptr;
  absl::Time until = absl::InfinitePast();
  absl::Status refusal = errors::NameUnknown(san);
  for (const PartnerIdentity& identity : candidates->second) {
    const auto verified = identity.trust->Verify(certificate, now);
    if (!verified.ok()) {
      refusal = verified.status();
      continue;
    }
    if (found != nullptr && found->partner != identity.partner) {
      return errors::Ambiguous("the certificate fits the identities of several partners");
    }
    found = &identity;
    until = std::max(until, *verified);
  }
  if (found == nullptr) return refusal;
  Resolved out;
  auto principal = MakePrincipal(certificate, san, found->partner, {Role::kPartner}, until);
  principal->partner = found->partner;
  out.caller.principal = std::move(principal);
  out.caller.partner_state = found->state;
  out.valid_until = until;
  return out;
}

std::shared_ptr<const PrincipalResolver::PartnerIndex> PrincipalResolver::Index(
    std::shared_ptr<const registry::Snapshot> snapshot) {
  std::shared_ptr<const PartnerIndex> previous;
  {
    absl::ReaderMutexLock lock(&mutex_);
    if (index_ != nullptr && index_->snapshot == snapshot) return index_;
    previous = index_;
  }
  auto index = std::make_shared<PartnerIndex>();
  index->snapshot = std::move(snapshot);
  for (const auto& [name, view] : index->snapshot->partners) {
    for (const v1::PartnerIdentity& identity : view->resource.identities()) {
      auto& bundle = index->bundles[identity.trust_bundle_pem()];
      if (bundle == nullptr && previous != nullptr) {
        // Keeps what the bundle remembers of verified chains.
        const auto known = previous->bundles.find(identity.trust_bundle_pem());
        if (known != previous->bundles.end()) bundle = known->second;
      }
      if (bundle == nullptr) {
        auto parsed = TrustBundle::Parse(identity.trust_bundle_pem());
        if (!parsed.ok()) {  // the registry refuses such a bundle; one that got in regardless vouches for nobody
          index->bundles.erase(identity.trust_bundle_pem());
          continue;
        }
        bundle = *std::move(parsed);
      }
      const std::string san =
          identity.has_spiffe_id() ? identity.spiffe_id() : absl::AsciiStrToLower(identity.dns_san());
      index->by_name[san].push_back({name, view->resource.state(), bundle});
    }
  }
  absl::MutexLock lock(&mutex_);
  index_ = index;
  return index;
}

}  // namespace postern::identity
