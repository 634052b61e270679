#include "server/delivery/outcomes.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/delivery/sealed_result.h"
#include "server/disclosure/errors.h"
#include "server/disclosure/names.h"
#include "server/disclosure/sealed_payload.h"
#include "server/registry/page.h"
#include "server/registry/times.h"

namespace postern::delivery {
namespace {

constexpr int kPage = 512;

}  // namespace

OutcomeFeed::OutcomeFeed(const registry::SnapshotHolder* snapshots, storage::Store* store, crypto::KeyStore* keys)
    : snapshots_(snapshots), store_(store), keys_(keys), grants_(store) {}

absl::StatusOr<std::unique_ptr<OutcomeFeed::Watcher>> OutcomeFeed::Watch(absl::string_view resume_token,
                                                                         std::function<void()> on_ready) {
  POSTERN_ASSIGN_OR_RETURN(const int64_t position, registry::PositionToken(resume_token));
  absl::MutexLock lock(&mutex_);
  const uint64_t id = next_id_++;
  watchers_[id] = std::move(on_ready);
  return std::unique_ptr<Watcher>(new Watcher(this, position, id));
}

OutcomeFeed::Watcher::~Watcher() {
  absl::MutexLock lock(&feed_->mutex_);
  feed_->watchers_.erase(id_);
}

absl::StatusOr<v1::WatchOutcomesResponse> OutcomeFeed::Watcher::Next() {
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::OutcomeRow> rows, feed_->store_->ReadOutcomes(position_, kPage));
  v1::WatchOutcomesResponse response;
  for (const storage::OutcomeRow& row : rows) {
    POSTERN_ASSIGN_OR_RETURN(*response.add_outcomes(), feed_->ToOutcome(row));
  }
  if (!rows.empty()) position_ = rows.back().position;
  response.set_resume_token(absl::StrCat(position_));
  return response;
}

void OutcomeFeed::Notify() {
  std::vector<std::function<void()>> ready;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [id, on_ready] : watchers_) ready.push_back(on_ready);
  }
  for (const auto& on_ready : ready) on_ready();
}

absl::StatusOr<v1::Outcome> OutcomeFeed::ToOutcome(const storage::OutcomeRow& row) {
  const storage::DisclosureRow& disclosure = row.disclosure;
  POSTERN_ASSIGN_OR_RETURN(const std::string partner, PartnerName(disclosure.partner));
  v1::Outcome outcome;
  outcome.set_disclosure(disclosure::DisclosureName(partner, disclosure.id));
  outcome.set_request_id(disclosure.request_id.ToString());
  outcome.set_state(row.state);
  outcome.set_reason(row.reason);
  registry::SetTime(row.time, outcome.mutable_time());
  if (row.sealed_result.empty()) return outcome;
  // A result whose subject was erased meanwhile, or whose partner was terminated, stays an outcome without content; so
  // does one that is damaged, or the feed would stop at it for good. Keys that cannot be read now are another matter.
  absl::StatusOr<std::string> bytes = OpenResult(row, partner);
  if (bytes.ok()) {
    outcome.mutable_result()->set_type(row.result_type);
    outcome.mutable_result()->set_data(*std::move(bytes));
  } else if (disclosure::LostForGood(bytes.status())) {
    outcome.set_reason(v1::ErrorReason_Name(v1::ERROR_REASON_KEY_SHREDDED));
  } else {
    return bytes.status();
  }
  return outcome;
}

absl::StatusOr<std::string> OutcomeFeed::OpenResult(const storage::OutcomeRow& row, const std::string& partner) {
  POSTERN_ASSIGN_OR_RETURN(const disclosure::PayloadKeys keys,
                           disclosure::FindPayloadKeys(*keys_, row.disclosure.key_ids));
  POSTERN_ASSIGN_OR_RETURN(const auto grant, grants_.Get(row.disclosure.grant));
  return delivery::OpenResult(keys, {row.disclosure.id, partner, grant->purpose, row.result_type}, row.sealed_result);
}

absl::StatusOr<std::string> OutcomeFeed::PartnerName(storage::PartnerId id) {
  {
    absl::MutexLock lock(&mutex_);
    const auto it = partners_.find(id);
    if (it != partners_.end()) return it->second;
  }
  const std::shared_ptr<const registry::Snapshot> snapshot = snapshots_->Get();
  absl::MutexLock lock(&mutex_);
  for (const auto& [name, partner] : snapshot->partners) partners_[partner->id] = name;
  const auto it = partners_.find(id);
  if (it == partners_.end()) return disclosure::errors::Inconsistent("an outcome of no partner");
  return it->second;
}

}  // namespace postern::delivery
