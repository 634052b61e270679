#include "tests/crash/evidence.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <utility>

#include "client/verify/checkpoint.h"
#include "client/verify/signed_note.h"
#include "proto/errors/error.h"
#include "server/disclosure/names.h"

namespace postern::testing {
namespace {

constexpr int kPage = 1000;

std::string BytesOf(const client::verify::Hash& hash) {
  return std::string(hash.begin(), hash.end());
}

absl::StatusOr<storage::DisclosureRow> Find(storage::Store& store, const std::string& name) {
  POSTERN_ASSIGN_OR_RETURN(const disclosure::ParsedName parsed, disclosure::ParseDisclosureName("name", name));
  return store.ReadDisclosure(parsed.id);
}

}  // namespace

void Verdict::Add(const Verdict& other) {
  lost += other.lost;
  unaccounted += other.unaccounted;
  refused += other.refused;
  duplicates += other.duplicates;
  forked += other.forked;
  damaged += other.damaged;
}

void Evidence::Asked(const v1::CreateDisclosureRequest& request) {
  absl::MutexLock lock(&mutex_);
  if (!answered_.contains(request.request_id())) uncertain_[request.request_id()] = request;
}

void Evidence::Answered(const v1::CreateDisclosureRequest& request, const v1::CreateDisclosureResponse& response) {
  if (response.results_size() != 1 || !response.results(0).has_disclosure()) return;
  const v1::Disclosure& disclosure = response.results(0).disclosure();
  absl::MutexLock lock(&mutex_);
  uncertain_.erase(request.request_id());
  const auto [answer, first] = answered_.try_emplace(request.request_id());
  if (!first) {
    if (answer->second.disclosure != disclosure.name()) ++duplicates_;
    return;
  }
  answer->second = {request, disclosure.name(), disclosure.audit().leaf_index(), disclosure.audit().leaf_hash()};
}

void Evidence::Refused(const v1::CreateDisclosureRequest& request) {
  absl::MutexLock lock(&mutex_);
  uncertain_.erase(request.request_id());
  ++refused_;
}

std::optional<v1::CreateDisclosureRequest> Evidence::TakeUncertain() {
  absl::MutexLock lock(&mutex_);
  if (uncertain_.empty()) return std::nullopt;
  auto taken = uncertain_.extract(uncertain_.begin());
  return std::move(taken.mapped());
}

std::optional<v1::CreateDisclosureRequest> Evidence::AnyAnswered(uint64_t choice) const {
  absl::MutexLock lock(&mutex_);
  if (answered_.empty()) return std::nullopt;
  // Request ids begin with their time: one of the newest is as good as any, and found quickly.
  const size_t back = 1 + choice % std::min<size_t>(answered_.size(), 50);
  return std::prev(answered_.end(), static_cast<std::ptrdiff_t>(back))->second.request;
}

void Evidence::Handed(const v1::DeliveredRecord& record) {
  absl::MutexLock lock(&mutex_);
  handed_.insert(record.disclosure());
}

absl::Status Evidence::Published(const std::string& checkpoint, const std::string& verifier_key) {
  POSTERN_ASSIGN_OR_RETURN(const auto verifier, client::verify::NoteVerifier::Parse(verifier_key));
  POSTERN_ASSIGN_OR_RETURN(const auto opened, client::verify::OpenCheckpoint(checkpoint, verifier));
  absl::MutexLock lock(&mutex_);
  const auto [known, first] = published_.try_emplace(opened.size, opened.root);
  if (!first && known->second != opened.root) ++forked_;
  return absl::OkStatus();
}

size_t Evidence::acknowledged() const {
  absl::MutexLock lock(&mutex_);
  return answered_.size();
}
size_t Evidence::uncertain() const {
  absl::MutexLock lock(&mutex_);
  return uncertain_.size();
}
size_t Evidence::handed() const {
  absl::MutexLock lock(&mutex_);
  return handed_.size();
}
size_t Evidence::published() const {
  absl::MutexLock lock(&mutex_);
  return published_.size();
}

std::set<std::string> Evidence::AcknowledgedNames() const {
  absl::MutexLock lock(&mutex_);
  std::set<std::string> names;
  for (const auto& [id, answer] : answered_) names.insert(answer.disclosure);
  return names;
}

Verdict Evidence::Compare(storage::Store& store) const {
  absl::MutexLock lock(&mutex_);
  Verdict verdict;
  verdict.refused = refused_;
  verdict.duplicates = duplicates_;
  verdict.forked = forked_;
  if (const absl::Status checked = store.Check(); !checked.ok()) {
    std::fprintf(stderr, "the store is damaged: %s\n", checked.ToString().c_str());
    ++verdict.damaged;
  }

  // One pass over the log: leaf hashes by index, and the root at every size that was published.
  std::vector<std::string> leaf_hashes;
  client::verify::LogRecomputer log;
  std::set<uint64_t> extended;
  while (true) {
    const auto leaves = store.ReadLeaves(log.size(), kPage);
    if (!leaves.ok() || leaves->empty()) break;
    for (const std::string& leaf : *leaves) {
      leaf_hashes.push_back(BytesOf(client::verify::LeafHash(leaf)));
      log.Add(leaf);
      const auto known = published_.find(log.size());
      if (known != published_.end() && known->second == log.Root()) extended.insert(log.size());
    }
  }
  for (const auto& [size, root] : published_) {
    if (size != 0 && !extended.contains(size)) ++verdict.forked;
  }

  for (const auto& [id, answer] : answered_) {
    const auto row = Find(store, answer.disclosure);
    const bool kept = row.ok() && row->request_id.ToString() == id && row->leaf_index == answer.leaf_index &&
                      answer.leaf_index < leaf_hashes.size() && leaf_hashes[answer.leaf_index] == answer.leaf_hash;
    if (!kept) ++verdict.lost;
  }

  std::map<storage::PartnerId, int64_t> marks;
  for (const std::string& name : handed_) {
    const auto row = Find(store, name);
    if (!row.ok()) {
      ++verdict.unaccounted;
      continue;
    }
    if (!marks.contains(row->partner)) {
      const auto lanes = store.ReadLanes(row->partner);
      marks[row->partner] = lanes.ok() ? lanes->dispatch_mark : 0;
    }
    if (row->seq > marks[row->partner]) ++verdict.unaccounted;
  }

  // No request and no id twice, whoever asked.
  std::set<std::string> ids;
  std::set<std::string> requests;
  for (const auto& [partner, mark] : marks) {
    for (int64_t before = 0;;) {
      const auto rows = store.ListDisclosures(partner, before, kPage);
      if (!rows.ok() || rows->empty()) break;
      for (const storage::DisclosureRow& row : *rows) {
        if (!ids.insert(row.id.ToString()).second) ++verdict.duplicates;
        if (!requests.insert(row.request_id.ToString()).second) ++verdict.duplicates;
      }
      before = rows->back().seq;
    }
  }
  return verdict;
}

}  // namespace postern::testing
