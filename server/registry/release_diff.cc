#include "server/registry/release_diff.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "policy/language/channel.h"
#include "policy/report/release_order.h"

namespace postern::registry {
namespace {

using policy::CompiledContract;
using policy::CompiledGrant;
using policy::LeafSpec;

using Leaves = std::map<std::string, const LeafSpec*>;
Leaves LeavesOf(const CompiledGrant& grant) {
  Leaves leaves;
  for (const LeafSpec& leaf : grant.spec->leaves) leaves.emplace(policy::DottedPath(leaf.path), &leaf);
  return leaves;
}

using Grants = std::map<std::pair<std::string, std::string>, const CompiledGrant*>;
Grants GrantsOf(const std::vector<CompiledGrant>& grants) {
  Grants by_pair;
  for (const CompiledGrant& grant : grants) by_pair.emplace(std::pair(grant.purpose, grant.record_type), &grant);
  return by_pair;
}

// The lines of one (purpose, record type); either side may be null.
void DiffGrant(absl::string_view label, const CompiledGrant* before, const CompiledGrant* after, ContractDiff* diff) {
  const Leaves old_leaves = before == nullptr ? Leaves() : LeavesOf(*before);
  const Leaves new_leaves = after == nullptr ? Leaves() : LeavesOf(*after);
  for (const auto& [path, leaf] : new_leaves) {
    const auto old = old_leaves.find(path);
    if (old == old_leaves.end()) {
      diff->changes.push_back(absl::StrCat("+ ", label, " ", path));
    } else if (!policy::LeafReleasesWithin(*after->spec, *leaf, *before->spec, *old->second) ||
               !policy::LeafReleasesWithin(*before->spec, *old->second, *after->spec, *leaf)) {
      diff->changes.push_back(absl::StrCat("~ ", label, " ", path));
    }
  }
  for (const auto& [path, leaf] : old_leaves) {
    if (new_leaves.find(path) == new_leaves.end()) diff->changes.push_back(absl::StrCat("- ", label, " ", path));
  }
  if (after != nullptr && (before == nullptr || !policy::ReleasesWithin(*after, *before))) diff->widening = true;
}

void DiffGrants(absl::string_view direction, const std::vector<CompiledGrant>* before,
                const std::vector<CompiledGrant>& after, ContractDiff* diff) {
  const Grants old_grants = before == nullptr ? Grants() : GrantsOf(*before);
  const Grants new_grants = GrantsOf(after);
  Grants all = new_grants;
  all.insert(old_grants.begin(), old_grants.end());
  for (const auto& [pair, unused] : all) {
    const auto old_grant = old_grants.find(pair);
    const auto new_grant = new_grants.find(pair);
    DiffGrant(absl::StrCat(direction, pair.first, " ", pair.second),
              old_grant == old_grants.end() ? nullptr : old_grant->second,
              new_grant == new_grants.end() ? nullptr : new_grant->second, diff);
  }
}

// The last day on which anything is released. Days are written "YYYY-MM-DD", so their order is the order of the text.
std::string LastDay(const v1::Contract& terms) {
  std::string last = terms.expires_on();
  for (const v1::Contract::Document& document : terms.documents()) {
    if (!document.expires_on().empty()) last = std::min(last, document.expires_on());
  }
  return last;
}

void DiffDuration(const v1::Contract& before, const v1::Contract& after, ContractDiff* diff) {
  if (before.expires_on() != after.expires_on()) {
    diff->changes.push_back(absl::StrCat("~ expires_on ", before.expires_on(), " -> ", after.expires_on()));
    if (after.expires_on() > before.expires_on()) diff->widening = true;
  }
  if (before.effective_on() != after.effective_on()) {
    diff->changes.push_back(absl::StrCat("~ effective_on ", before.effective_on(), " -> ", after.effective_on()));
    if (after.effective_on() < before.effective_on()) diff->widening = true;
  }
  if (before.on_expiry().SerializeAsString() != after.on_expiry().SerializeAsString()) {
    diff->changes.push_back("~ on_expiry");
  }
  if (before.supervision().SerializeAsString() != after.supervision().SerializeAsString()) {
    diff->changes.push_back("~ supervision");
  }
  // Documents of each kind, in any order.
  std::map<v1::Contract::Document::Kind, std::pair<std::multiset<std::string>, std::multiset<std::string>>> kinds;
  for (const auto& document : before.documents()) kinds[document.kind()].first.insert(document.SerializeAsString());
  for (const auto& document : after.documents()) kinds[document.kind()].second.insert(document.SerializeAsString());
  for (const auto& [kind, sides] : kinds) {
    if (sides.first == sides.second) continue;
    diff->changes.push_back(absl::StrCat("~ documents ", v1::Contract::Document::Kind_Name(kind)));
  }
  if (LastDay(after) > LastDay(before)) {
    diff->changes.push_back(absl::StrCat("~ last day ", LastDay(before), " -> ", LastDay(after)));
    diff->widening = true;
  }
}

// Where records go.
std::string ChannelOf(const v1::Delivery& delivery) {
  if (delivery.has_exchange()) {
    return absl::StrCat("exchange ", delivery.exchange().endpoint(), " ", delivery.exchange().method());
  }
  return policy::ChannelTerms(delivery);
}

bool ExemptionWithin(const v1::Deletion::Exemption& inner, const v1::Deletion::Exemption& outer) {
  const std::set<std::string> few(inner.categories().begin(), inner.categories().end());
  const std::set<std::string> many(outer.categories().begin(), outer.categories().end());
  return inner.ground() == outer.ground() && inner.max_days() <= outer.max_days() &&
         std::includes(many.begin(), many.end(), few.begin(), few.end());
}

// True if `after` lets the partner keep more, answer later or answer with less proof.
bool DeletionWeakened(const v1::Deletion& before, const v1::Deletion& after) {
  if (after.due_days() > before.due_days()) return true;
  if (before.attestation() == v1::Deletion::PARTNER_KEY && after.attestation() != before.attestation()) return true;
  return !std::all_of(after.exemptions().begin(), after.exemptions().end(), [&](const auto& inner) {
    return std::any_of(before.exemptions().begin(), before.exemptions().end(),
                       [&](const auto& outer) { return ExemptionWithin(inner, outer); });
  });
}

// Of a number where more of it means more that leaves, or stays out for longer.
void DiffBound(absl::string_view term, int64_t before, int64_t after, ContractDiff* diff) {
  if (before == after) return;
  diff->changes.push_back(absl::StrCat("~ ", term, " ", before, " -> ", after));
  if (after > before) diff->widening = true;
}

// How long and how much the partner may have.
void DiffHolding(const v1::Contract& before, const v1::Contract& after, ContractDiff* diff) {
  const v1::PartnerRetention& old_term = before.partner_retention();
  const v1::PartnerRetention& new_term = after.partner_retention();
  DiffBound("partner_retention.days", old_term.days(), new_term.days(), diff);
  if (old_term.starts_on() != new_term.starts_on()) {
    diff->changes.push_back(
        absl::StrCat("~ partner_retention.starts_on ", old_term.starts_on(), " -> ", new_term.starts_on()));
    diff->widening = true;
  }
  DiffBound("delivery.max_pending_hours", before.delivery().max_pending_hours(), after.delivery().max_pending_hours(),
            diff);
  DiffBound("delivery.max_unacknowledged", before.delivery().max_unacknowledged(),
            after.delivery().max_unacknowledged(), diff);
}

void DiffTerms(const v1::Contract& before, const v1::Contract& after, ContractDiff* diff) {
  DiffDuration(before, after, diff);
  DiffHolding(before, after, diff);
  if (before.legal().SerializeAsString() != after.legal().SerializeAsString()) {
    diff->changes.push_back("~ legal");
    diff->widening = true;
  }
  const std::string from = ChannelOf(before.delivery());
  const std::string to = ChannelOf(after.delivery());
  if (from != to) {
    diff->changes.push_back(absl::StrCat("~ delivery ", from, " -> ", to));
    diff->widening = true;
  }
  if (before.deletion().SerializeAsString() != after.deletion().SerializeAsString()) {
    diff->changes.push_back("~ deletion");
    if (DeletionWeakened(before.deletion(), after.deletion())) diff->widening = true;
  }
}

}  // namespace

ContractDiff DiffContracts(const CompiledContract* before, const CompiledContract& after) {
  ContractDiff diff;
  diff.widening = before == nullptr;
  DiffGrants("", before == nullptr ? nullptr : &before->grants, after.grants, &diff);
  DiffGrants("inbound ", before == nullptr ? nullptr : &before->inbound, after.inbound, &diff);
  if (before != nullptr) DiffTerms(before->terms, after.terms, &diff);
  return diff;
}

void AddNarrowed(const CompiledContract& before, const CompiledContract* after, std::set<GrantKey>* narrowed) {
  for (const CompiledGrant& grant : before.grants) {
    const CompiledGrant* now = after == nullptr ? nullptr : after->FindGrant(grant.purpose, grant.record_type);
    if (now == nullptr || !policy::ReleasesWithin(grant, *now)) {
      narrowed->insert({before.name, grant.purpose, grant.record_type});
    }
  }
}

}  // namespace postern::registry
