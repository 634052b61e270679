#include "server/disclosure/preparer.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/crypto/handle.h"
#include "server/crypto/name_digest.h"
#include "server/disclosure/contact.h"
#include "server/disclosure/errors.h"
#include "server/disclosure/subject_check.h"
#include "server/registry/times.h"

namespace postern::disclosure {
namespace {

using crypto::NameDomain;

// What a projection takes from outside the record.
class Context {
 public:
  Context(const registry::PartnerView& partner, absl::Time now)
      : pseudonym_([key = partner.pseudonym.get()](absl::string_view value, uint8_t digest[32]) {
          const crypto::Sha256Digest mac = key->Sign(value);
          std::memcpy(digest, mac.data(), mac.size());
        }),
        context_{registry::UtcDay(now), pseudonym_} {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  const policy::ProjectionContext& operator*() const { return context_; }

 private:
  const std::function<void(absl::string_view, uint8_t[32])> pseudonym_;
  const policy::ProjectionContext context_;
};

// The plan's pseudonyms and the partner's handles need keys that a termination destroys.
absl::Status CheckPartnerKeys(const Resolved& resolved) {
  const bool pseudonyms = resolved.grant->grant->plan->needs_pseudonym_key();
  if (resolved.partner->handle == nullptr || (pseudonyms && resolved.partner->pseudonym == nullptr)) {
    return errors::KeyShredded();
  }
  return absl::OkStatus();
}

storage::FenceScope Scope(storage::FenceScope::Kind kind, const storage::Mac16& mac) {
  return {kind, std::string(reinterpret_cast<const char*>(mac.data()), mac.size())};
}

}  // namespace

absl::StatusOr<Entry> Preparer::Prepare(const RequestFacts& facts, const Resolved& resolved,
                                        std::shared_ptr<const registry::Snapshot> snapshot, bool exchange) {
  POSTERN_RETURN_IF_ERROR(CheckPartnerKeys(resolved));
  const Context context(*resolved.partner, facts.now);
  policy::ProjectionResult result;
  POSTERN_RETURN_IF_ERROR(policy::Project(*resolved.grant->grant->plan, *context, facts.record, &result));
  return MakeEntry(facts, resolved, std::move(snapshot), exchange, *context, std::move(result));
}

void Preparer::PrepareAll(const RequestFacts& facts, const std::shared_ptr<const registry::Snapshot>& snapshot,
                          absl::Span<Target> targets) {
  ProjectorCache::Plans plans;
  std::vector<size_t> projected;  // which of the targets
  for (size_t i = 0; i < targets.size(); ++i) {
    absl::Status status = targets[i].resolved.status();
    if (status.ok()) status = CheckPartnerKeys(*targets[i].resolved);
    if (!status.ok()) {
      targets[i].entry = std::move(status);
      continue;
    }
    plans.push_back(targets[i].resolved->grant->grant->plan);
    projected.push_back(i);
  }
  const auto projector = projected.size() < 2 ? absl::StatusOr<std::shared_ptr<const policy::MultiProjector>>(nullptr)
                                              : projectors_.Get(plans);
  if (!projector.ok() || *projector == nullptr) {
    for (const size_t i : projected) {
      targets[i].entry = Prepare(facts, *targets[i].resolved, snapshot, /*exchange=*/false);
    }
    return;
  }
  std::deque<Context> contexts;
  std::vector<policy::ProjectionResult> results(projected.size());
  std::vector<policy::MultiProjector::Target> lanes(projected.size());
  for (size_t i = 0; i < projected.size(); ++i) {
    contexts.emplace_back(*targets[projected[i]].resolved->partner, facts.now);
    lanes[i].context = &*contexts.back();
    lanes[i].result = &results[i];
  }
  (*projector)->Project(facts.record, absl::MakeSpan(lanes));
  for (size_t i = 0; i < projected.size(); ++i) {
    Target& target = targets[projected[i]];
    if (!lanes[i].status.ok()) {
      target.entry = std::move(lanes[i].status);
      continue;
    }
    target.entry =
        MakeEntry(facts, *target.resolved, snapshot, /*exchange=*/false, *contexts[i], std::move(results[i]));
  }
}

absl::Status Preparer::Verify(const Resolved& resolved, const policy::ProjectionContext& context,
                              absl::string_view record, absl::string_view projected) {
  const policy::Verifier& verifier = *resolved.grant->grant->verifier;
  absl::Status finding = verifier.Verify(context, record, projected);
  if (finding.ok() && projected_.fetch_add(1, std::memory_order_relaxed) % compare_one_in_ == 0) {
    compared_.fetch_add(1, std::memory_order_relaxed);
    finding = verifier.Compare(context, record, projected);
  }
  if (!finding.ok() && on_finding_ != nullptr) {
    on_finding_(resolved.partner->resource.name(), MetadataOf(finding, "path"));
  }
  return finding;
}

absl::StatusOr<Entry> Preparer::MakeEntry(const RequestFacts& facts, const Resolved& resolved,
                                          std::shared_ptr<const registry::Snapshot> snapshot, bool exchange,
                                          const policy::ProjectionContext& context, policy::ProjectionResult result) {
  const policy::CompiledGrant& grant = *resolved.grant->grant;
  Entry entry;
  storage::NewDisclosure& row = entry.row;
  // Before the look-up: what changes after it is newer than the entry, and the commit refuses it.
  row.subjects_resolved_at = standings_->version();
  const size_t asked = NameSubjects(result.extracts, &entry);
  policy::ProjectionContext known = context;
  known.known_minor =
      result.extracts.minor != policy::Extracts::Minor::kYes && AnyMinor(*standings_, row.subjects, asked, facts.now);
  POSTERN_ASSIGN_OR_RETURN(known.consents_granted,
                           JudgeSubjects(*standings_, row.subjects, asked, resolved.partner->resource.name(), grant));
  if (known.consents_granted != 0 || known.known_minor) {
    // Rare enough to do it again: who the subjects are is known only from the record.
    POSTERN_RETURN_IF_ERROR(policy::Project(*grant.plan, known, facts.record, &result));
  }
  if (known.known_minor) {
    // Now by the minors' keys.
    row.subjects.clear();
    entry.keys.clear();
    NameSubjects(result.extracts, &entry);
  }
  if (base::FailpointSkips("projector.narrow")) result.bytes = std::string(facts.record);
  POSTERN_RETURN_IF_ERROR(Verify(resolved, known, facts.record, result.bytes));
  if (base::FailpointSkips("projection.skip")) result.bytes = std::string(facts.record);

  entry.principal = std::string(facts.principal);
  entry.content = facts.content;
  entry.partner = resolved.partner;
  entry.grant = resolved.grant;
  entry.fence_generation = resolved.partner->fence->generation();
  row.partner = resolved.partner->id;
  row.grant = resolved.grant->grant_id;
  row.resolved_at = snapshot->fence_version;  // model: resolve
  row.exchange = exchange;
  row.principal = facts.principal_mac;
  row.request_id = facts.request_id;
  row.target = resolved.target;
  const policy::Extracts& extracts = result.extracts;
  row.record_key = Truncated(crypto::DigestName(index_key_, NameDomain::kRecordKey, extracts.record_key));
  row.lane = row.record_key[0] % storage::kLanes;
  row.record_version = extracts.record_version;
  row.has_record_version = extracts.has_record_version;
  row.handle = crypto::MakeHandle(*resolved.partner->handle, grant.purpose, extracts.record_key);
  row.withheld_bits = std::move(result.withheld_bits);
  row.observation = observer_.Observe(snapshot->bundle, facts.record_type, facts.record, extracts);
  row.fences.reserve(row.subjects.size() + 2);
  row.fences.push_back({storage::FenceScope::Kind::kPartner, resolved.partner->resource.name()});
  for (const storage::Mac16& subject : row.subjects) {
    row.fences.push_back(Scope(storage::FenceScope::Kind::kSubject, subject));
  }
  row.fences.push_back(Scope(storage::FenceScope::Kind::kRecordKey, row.record_key));
  entry.bytes = std::make_shared<const std::string>(std::move(result.bytes));
  entry.snapshot = std::move(snapshot);
  return entry;
}

size_t Preparer::NameSubjects(const policy::Extracts& extracts, Entry* entry) const {
  using crypto::KeyKind;
  using crypto::KeyRealm;
  const KeyRealm realm = extracts.minor == policy::Extracts::Minor::kYes ? KeyRealm::kMinors : KeyRealm::kStandard;
  const auto add = [&](KeyRealm subject_realm, const crypto::KeyName& key, const crypto::Sha256Digest& index) {
    const storage::Mac16 mac = Truncated(index);
    if (std::find(entry->row.subjects.begin(), entry->row.subjects.end(), mac) != entry->row.subjects.end()) return;
    entry->row.subjects.push_back(mac);
    entry->keys.push_back({KeyKind::kSubject, subject_realm, key});
  };
  const size_t people = extracts.subject_ids.size() + extracts.subject_contacts.size() + extracts.guardian_ids.size();
  entry->row.subjects.reserve(people);
  entry->keys.reserve(people + 1);
  for (const absl::string_view id : extracts.subject_ids) {
    const crypto::Sha256Digest name = crypto::DigestName(index_key_, NameDomain::kSubject, id);
    add(realm, name, name);
  }
  const size_t with_id = entry->row.subjects.size();
  // A person without an id is a subject of this order only: the key is the order's own, while the index value is that
  // of the contact, so that the person's orders can be found together.
  for (const absl::string_view contact : extracts.subject_contacts) {
    const std::string normal = NormaliseContact(contact);
    const std::string scoped = absl::StrCat(extracts.order_id.size(), ":", extracts.order_id, normal);
    add(realm, crypto::DigestName(index_key_, NameDomain::kContact, scoped),
        crypto::DigestName(index_key_, NameDomain::kContact, normal));
  }
  const size_t asked = with_id > 0 ? with_id : entry->row.subjects.size();
  // A guardian is of age whoever the ward is.
  for (const absl::string_view id : extracts.guardian_ids) {
    const crypto::Sha256Digest name = crypto::DigestName(index_key_, NameDomain::kSubject, id);
    add(KeyRealm::kStandard, name, name);
  }
  const crypto::Sha256Digest order = crypto::DigestName(index_key_, NameDomain::kOrder, extracts.order_id);
  entry->row.order = Truncated(order);
  entry->keys.push_back({KeyKind::kOrder, realm, order});
  return asked;
}

absl::StatusOr<storage::Mac16> Preparer::RecordKeyOf(const Resolved& resolved, absl::string_view record,
                                                     absl::Time now) const {
  policy::Extracts extracts;
  POSTERN_RETURN_IF_ERROR(policy::ExtractRoles(*resolved.grant->grant->plan, registry::UtcDay(now), record, &extracts));
  return Truncated(crypto::DigestName(index_key_, NameDomain::kRecordKey, extracts.record_key));
}

absl::Status Preparer::Preview(const Resolved& resolved, absl::string_view record, absl::Time now,
                               policy::ProjectionResult* result, std::vector<policy::WithheldField>* withheld) const {
  POSTERN_RETURN_IF_ERROR(CheckPartnerKeys(resolved));
  const policy::CompiledGrant& grant = *resolved.grant->grant;
  const Context context(*resolved.partner, now);
  POSTERN_RETURN_IF_ERROR(policy::Project(*grant.plan, *context, record, result));
  Entry named;
  const size_t asked = NameSubjects(result->extracts, &named);
  policy::ProjectionContext known = *context;
  known.known_minor =
      result->extracts.minor != policy::Extracts::Minor::kYes && AnyMinor(*standings_, named.row.subjects, asked, now);
  POSTERN_ASSIGN_OR_RETURN(known.consents_granted, JudgeSubjects(*standings_, named.row.subjects, asked,
                                                                 resolved.partner->resource.name(), grant));
  POSTERN_RETURN_IF_ERROR(policy::Project(*grant.plan, known, record, result));
  return policy::ExplainWithheld(*grant.plan, known, record, withheld);
}

}  // namespace postern::disclosure
