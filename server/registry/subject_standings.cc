#include "server/registry/subject_standings.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/errors/error.h"
#include "server/registry/errors.h"
#include "server/registry/times.h"

namespace postern::registry {
namespace {

constexpr int kPage = 1000;
constexpr char kEverything[] = "everything";

bool Has(const std::vector<std::string>& list, absl::string_view item) {
  return std::any_of(list.begin(), list.end(), [&](const std::string& one) { return item == absl::string_view(one); });
}

absl::Status AddRecord(const storage::SubjectRecordRow& row, SubjectStanding* standing) {
  switch (row.kind) {
    case storage::SubjectRecordRow::Kind::kConsent: {
      v1::Consent consent;
      if (!consent.ParseFromString(row.resource)) return errors::StoreInconsistent("a consent does not parse");
      if (consent.granted()) standing->consents.push_back(row.key);
      break;
    }
    case storage::SubjectRecordRow::Kind::kRestriction: {
      absl::string_view key = row.key;
      if (key == kEverything) standing->restricted = true;
      if (absl::ConsumePrefix(&key, "purpose:")) standing->restricted_purposes.push_back(std::string(key));
      break;
    }
    case storage::SubjectRecordRow::Kind::kSuppression:
      standing->suppressed = true;
      break;
    case storage::SubjectRecordRow::Kind::kGuardian: {
      v1::GuardianLink link;
      if (!link.ParseFromString(row.resource)) return errors::StoreInconsistent("a guardian link does not parse");
      standing->minor_until = std::max(standing->minor_until, ToTime(link.until_time()));
      break;
    }
    case storage::SubjectRecordRow::Kind::kCanary: {
      v1::Canary canary;
      if (!canary.ParseFromString(row.resource)) return errors::StoreInconsistent("a canary does not parse");
      standing->canary_of = canary.partner();
      break;
    }
    case storage::SubjectRecordRow::Kind::kLegalHold: {
      v1::LegalHold hold;
      if (!hold.ParseFromString(row.resource)) return errors::StoreInconsistent("a legal hold does not parse");
      standing->held_until = std::max(standing->held_until, ToTime(hold.end_time()));
      break;
    }
  }
  return absl::OkStatus();
}

}  // namespace

bool SubjectStanding::Consents(absl::string_view key) const {
  return Has(consents, key);
}

bool SubjectStanding::Allows(absl::string_view purpose) const {
  return !restricted && !Has(restricted_purposes, purpose);
}

absl::Status SubjectStandings::Load(storage::Store& store) {
  POSTERN_ASSIGN_OR_RETURN(const uint64_t version, store.ReadFenceVersion());
  absl::flat_hash_map<storage::Mac16, SubjectStanding> standings;
  for (int64_t after = 0;;) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::SubjectRecordRow> rows, store.ListSubjectRecords(after, kPage));
    if (rows.empty()) break;
    after = rows.back().row;
    for (const storage::SubjectRecordRow& row : rows) POSTERN_RETURN_IF_ERROR(AddRecord(row, &standings[row.subject]));
  }
  for (auto& [subject, standing] : standings) Replace(subject, std::move(standing));
  Vouch(version);
  return absl::OkStatus();
}

std::shared_ptr<const SubjectStanding> SubjectStandings::Find(const storage::Mac16& subject) const {
  const Shard& shard = shards_[ShardOf(subject)];
  absl::ReaderMutexLock lock(&shard.mutex);
  const auto it = shard.standings.find(subject);
  return it == shard.standings.end() ? nullptr : it->second;
}

void SubjectStandings::Replace(const storage::Mac16& subject, SubjectStanding standing) {
  auto shared = std::make_shared<const SubjectStanding>(std::move(standing));
  Shard& shard = shards_[ShardOf(subject)];
  absl::MutexLock lock(&shard.mutex);
  const bool fresh = shard.standings.insert_or_assign(subject, std::move(shared)).second;
  if (fresh) count_.fetch_add(1, std::memory_order_release);
}

absl::StatusOr<SubjectStanding> StandingFrom(const std::vector<storage::SubjectRecordRow>& records) {
  SubjectStanding standing;
  for (const storage::SubjectRecordRow& row : records) POSTERN_RETURN_IF_ERROR(AddRecord(row, &standing));
  return standing;
}

std::string ScopeKey(const v1::UseScope& scope) {
  switch (scope.scope_case()) {
    case v1::UseScope::kCategory:
      return absl::StrCat("category:", scope.category());
    case v1::UseScope::kPurpose:
      return absl::StrCat("purpose:", scope.purpose());
    default:
      return kEverything;
  }
}

}  // namespace postern::registry
