#include "server/rights/recall.h"

#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "proto/errors/error.h"
#include "server/disclosure/audit_entry.h"
#include "server/disclosure/names.h"
#include "server/registry/audit_entry.h"
#include "server/registry/lifecycle.h"
#include "server/revocation/targeted_campaign.h"
#include "server/rights/subject_ledger.h"

namespace postern::rights {
namespace {

// A partner would have to reject, and an operator to replay, a record in each of them.
constexpr int kMaxRounds = 8;

bool Waits(const storage::DisclosureRow& row) {
  return !row.exchange &&
         (row.state == v1::DISCLOSURE_STATE_PENDING || row.state == v1::DISCLOSURE_STATE_POSSIBLY_HELD);
}

const registry::PartnerView* FindById(const registry::Snapshot& snapshot, storage::PartnerId id) {
  for (const auto& [name, view] : snapshot.partners) {
    if (view->id == id) return view.get();
  }
  return nullptr;
}

// A dead letter could be replayed: its payload goes, and what it held back is free. False if it was replayed or given
// up since it was read; a replayed one waits, and is found in the next round.
absl::StatusOr<bool> WithdrawDeadLetter(RightsPlane& plane, const registry::PartnerView& partner,
                                        const storage::DisclosureRow& letter, v1::ErrorReason reason) {
  const absl::Time now = plane.clock();
  POSTERN_ASSIGN_OR_RETURN(const std::string leaf,
                           disclosure::SettlementLeaf(now, registry::kGatewayPrincipal,
                                                      disclosure::DisclosureName(partner.resource.name(), letter.id),
                                                      v1::DISCLOSURE_STATE_WITHDRAWN, reason));
  const auto withdraw = [&]() -> absl::StatusOr<int64_t> {
    POSTERN_RETURN_IF_ERROR(plane.store->WithdrawDeadLetter(letter.id, disclosure::ReasonName(reason), now, leaf));
    return 0;
  };
  const absl::Status withdrawn = plane.hub->EndDeadLetter(partner, letter.record_key, withdraw);
  if (absl::IsNotFound(withdrawn)) return false;
  POSTERN_RETURN_IF_ERROR(withdrawn);
  return true;
}

// One look at the ledger: what waits, by partner, and what waits for an operator.
struct Waiting {
  std::map<storage::PartnerId, std::vector<storage::PendingPayload>> records;
  std::vector<storage::DisclosureRow> dead_letters;
};

absl::StatusOr<Waiting> FindWaiting(RightsPlane& plane, absl::Span<const storage::Mac16> subjects,
                                    DisclosureFilter concerned) {
  Waiting waiting;
  POSTERN_RETURN_IF_ERROR(
      ForEachDisclosure(*plane.store, subjects, [&](const storage::DisclosureRow& row) -> absl::Status {
        const bool dead = row.state == v1::DISCLOSURE_STATE_DEAD_LETTERED;
        if (!dead && !Waits(row)) return absl::OkStatus();
        POSTERN_ASSIGN_OR_RETURN(const bool wanted, concerned(row));
        if (!wanted) return absl::OkStatus();
        if (dead) {
          waiting.dead_letters.push_back(row);
          return absl::OkStatus();
        }
        storage::PendingPayload& payload = waiting.records[row.partner].emplace_back();
        payload.seq = row.seq;
        payload.id = row.id;
        payload.record_key = row.record_key;
        return absl::OkStatus();
      }));
  return waiting;
}

// Withdraws what waits, until a round finds no dead letter: a record may have become one just before it was recalled.
// Returns how many records were withdrawn.
absl::StatusOr<int64_t> WithdrawWaiting(RightsPlane& plane, absl::Span<const storage::Mac16> subjects,
                                        v1::ErrorReason reason, DisclosureFilter concerned) {
  int64_t withdrawn = 0;
  int64_t letters = 1;
  for (int round = 0; round < kMaxRounds && letters > 0; ++round) {
    POSTERN_ASSIGN_OR_RETURN(const Waiting waiting, FindWaiting(plane, subjects, concerned));
    const std::shared_ptr<const registry::Snapshot> snapshot = plane.snapshots->Get();
    if (round > 0) letters = 0;
    for (const storage::DisclosureRow& letter : waiting.dead_letters) {
      const registry::PartnerView* partner = FindById(*snapshot, letter.partner);
      if (partner == nullptr) continue;
      POSTERN_ASSIGN_OR_RETURN(const bool found, WithdrawDeadLetter(plane, *partner, letter, reason));
      letters += found ? 1 : 0;
      withdrawn += found ? 1 : 0;
    }
    for (const auto& [id, records] : waiting.records) {
      const registry::PartnerView* partner = FindById(*snapshot, id);
      if (partner == nullptr) continue;
      POSTERN_ASSIGN_OR_RETURN(const int64_t ended, plane.hub->Recall(*partner, records, reason));
      withdrawn += ended;
    }
  }
  return withdrawn;
}

}  // namespace

absl::StatusOr<Recalled> RecallReleases(RightsPlane& plane, absl::Span<const storage::Mac16> subjects,
                                        v1::ErrorReason reason, DisclosureFilter concerned) {
  // What was committed before the fence rose is in its queue from here on, so that the queue can give it up.
  plane.committer->AwaitReleased();
  Recalled recalled;
  POSTERN_ASSIGN_OR_RETURN(const int64_t withdrawn, WithdrawWaiting(plane, subjects, reason, concerned));
  recalled.effect.set_withdrawn_count(withdrawn);
  // Read again: what was withdrawn after it might have been handed over is held all the same.
  POSTERN_RETURN_IF_ERROR(
      ForEachDisclosure(*plane.store, subjects, [&](const storage::DisclosureRow& row) -> absl::Status {
        if (!row.may_be_held) return absl::OkStatus();
        POSTERN_ASSIGN_OR_RETURN(const bool wanted, concerned(row));
        if (!wanted) return absl::OkStatus();
        recalled.on_their_way = recalled.on_their_way || Waits(row);
        recalled.effect.set_held_count(recalled.effect.held_count() + 1);
        recalled.held[row.partner].push_back(row);
        return absl::OkStatus();
      }));
  const std::shared_ptr<const registry::Snapshot> snapshot = plane.snapshots->Get();
  for (const auto& [id, records] : recalled.held) {
    const registry::PartnerView* partner = FindById(*snapshot, id);
    if (partner != nullptr) recalled.effect.add_partners(partner->resource.name());
  }
  return recalled;
}

absl::StatusOr<std::vector<v1::DeletionCampaign>> AddNotices(
    RightsPlane& plane, GrantedFields& grants,
    const std::map<storage::PartnerId, std::vector<storage::DisclosureRow>>& held, v1::DeletionCampaign::Cause cause,
    const std::vector<std::string>& categories, crypto::Uuid7Generator& ids, storage::ChangeSet* change) {
  std::vector<v1::DeletionCampaign> campaigns;
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::PartnerRow> partners, plane.store->ListPartners());
  for (const storage::PartnerRow& partner : partners) {
    const auto records = held.find(partner.id);
    // The campaign of a termination asks for everything, from the moment it is committed.
    if (records == held.end() || registry::Revoked(partner.partner.state())) continue;
    std::vector<v1::DeletionNoticeStatement::Item> items;
    absl::flat_hash_set<storage::Hash32> noticed;
    for (const storage::DisclosureRow& row : records->second) {
      // Versions of one record share a handle.
      if (!noticed.insert(row.handle).second) continue;
      POSTERN_ASSIGN_OR_RETURN(const GrantFacts* facts, grants.Of(row.grant));
      v1::DeletionNoticeStatement::Item& item = items.emplace_back();
      item.set_handle(std::string(reinterpret_cast<const char*>(row.handle.data()), row.handle.size()));
      item.set_purpose(facts->ref.purpose);
      item.set_record_type(facts->ref.record_type);
      item.set_locator_path(facts->ref.locator_path);
      for (const std::string& category : categories) item.add_categories(category);
    }
    POSTERN_ASSIGN_OR_RETURN(const crypto::Uuid id, ids.Next(plane.clock()));
    POSTERN_ASSIGN_OR_RETURN(
        v1::DeletionCampaign campaign,
        revocation::AddTargetedCampaign(*plane.control, plane.campaigns, partner, cause, std::move(items), id, change));
    campaigns.push_back(std::move(campaign));
  }
  return campaigns;
}

}  // namespace postern::rights
