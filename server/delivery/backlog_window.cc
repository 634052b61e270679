#include "server/delivery/backlog_window.h"

#include <utility>

namespace postern::delivery {

void BacklogWindow::Add(WindowEntry entry) {
  SetLoadedTo(entry.payload.seq);
  const auto blocked = blocked_.find(entry.payload.record_key);
  if (blocked != blocked_.end()) {
    if (blocked->second == 0) blocked->second = entry.payload.seq;
    return;
  }
  Insert(std::move(entry), /*first=*/false);
}

void BacklogWindow::AddFirst(WindowEntry entry) {
  Insert(std::move(entry), /*first=*/true);
}

void BacklogWindow::Insert(WindowEntry entry, bool first) {
  const int64_t seq = entry.payload.seq;
  const storage::Mac16 key = entry.payload.record_key;
  const auto size = static_cast<int64_t>(entry.bytes->size());
  const auto [it, inserted] = entries_.try_emplace(seq);
  if (!inserted) return;
  it->second.entry = std::move(entry);
  bytes_ += size;
  auto& order = keys_[key];
  if (first && !order.empty() && entries_.at(order.front()).place != Place::kInFlight) {
    Slot& displaced = entries_.at(order.front());
    ready_.erase(order.front());
    displaced.place = Place::kWaiting;
    order.insert(order.begin(), seq);
  } else {
    order.push_back(seq);
  }
  Promote(key);
}

void BacklogWindow::Promote(const storage::Mac16& key) {
  const auto order = keys_.find(key);
  if (order == keys_.end()) return;
  const int64_t seq = order->second.front();
  Slot& slot = entries_.at(seq);
  if (slot.place != Place::kWaiting) return;
  if (slot.not_before > absl::InfinitePast()) return;  // Wake does it
  slot.place = Place::kReady;
  ready_.insert(seq);
}

const WindowEntry* BacklogWindow::Find(int64_t seq) const {
  const auto it = entries_.find(seq);
  return it == entries_.end() ? nullptr : &it->second.entry;
}

bool BacklogWindow::InFlight(int64_t seq) const {
  const auto it = entries_.find(seq);
  return it != entries_.end() && it->second.place == Place::kInFlight;
}

int BacklogWindow::attempts(int64_t seq) const {
  const auto it = attempts_.find(seq);
  return it == attempts_.end() ? 0 : it->second.handed_over;
}

int BacklogWindow::retries(int64_t seq) const {
  const auto it = attempts_.find(seq);
  return it == attempts_.end() ? 0 : it->second.asked;
}

void BacklogWindow::HandOut(int64_t seq) {
  entries_.at(seq).place = Place::kInFlight;
  ready_.erase(seq);
  ++in_flight_;
  ++attempts_[seq].handed_over;
}

bool BacklogWindow::GiveBack(int64_t seq, absl::Time not_before, bool asked) {
  const auto it = entries_.find(seq);
  if (it == entries_.end() || it->second.place != Place::kInFlight) return false;
  --in_flight_;
  if (asked) ++attempts_[seq].asked;
  it->second.place = Place::kWaiting;
  it->second.not_before = not_before;
  if (not_before > absl::InfinitePast()) delayed_.insert({not_before, seq});
  Promote(it->second.entry.payload.record_key);
  return true;
}

bool BacklogWindow::Wake(absl::Time now) {
  bool any = false;
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    const int64_t seq = delayed_.begin()->second;
    delayed_.erase(delayed_.begin());
    Slot& slot = entries_.at(seq);
    slot.not_before = absl::InfinitePast();
    Promote(slot.entry.payload.record_key);
    any = true;
  }
  return any;
}

void BacklogWindow::Remove(int64_t seq) {
  attempts_.erase(seq);
  const auto it = entries_.find(seq);
  if (it == entries_.end()) return;
  Slot& slot = it->second;
  const storage::Mac16 key = slot.entry.payload.record_key;
  if (slot.place == Place::kInFlight) --in_flight_;
  if (slot.place == Place::kReady) ready_.erase(seq);
  if (slot.not_before > absl::InfinitePast()) delayed_.erase({slot.not_before, seq});
  bytes_ -= static_cast<int64_t>(slot.entry.bytes->size());
  entries_.erase(it);
  const auto order = keys_.find(key);
  order->second.erase(std::find(order->second.begin(), order->second.end(), seq));
  if (order->second.empty()) {
    keys_.erase(order);
  } else {
    Promote(key);
  }
}

void BacklogWindow::Block(const storage::Mac16& key) {
  int64_t& held = blocked_[key];
  const auto order = keys_.find(key);
  if (order == keys_.end()) return;
  const absl::InlinedVector<int64_t, 2> seqs = order->second;
  for (const int64_t seq : seqs) {
    if (held == 0 || seq < held) held = seq;
    Remove(seq);
  }
}

void BacklogWindow::Unblock(const storage::Mac16& key) {
  blocked_.erase(key);
}

void BacklogWindow::DropIdle() {
  loaded_to_ = Watermark();
  for (auto& [key, held] : blocked_) held = 0;
  ready_.clear();
  delayed_.clear();
  for (auto it = entries_.begin(); it != entries_.end();) {
    const Slot& slot = it->second;
    if (slot.place == Place::kInFlight) {
      ++it;
      continue;
    }
    bytes_ -= static_cast<int64_t>(slot.entry.bytes->size());
    const auto order = keys_.find(slot.entry.payload.record_key);
    order->second.erase(std::find(order->second.begin(), order->second.end(), it->first));
    if (order->second.empty()) keys_.erase(order);
    it = entries_.erase(it);
  }
}

void BacklogWindow::Clear() {
  loaded_to_ = Watermark();
  entries_.clear();
  keys_.clear();
  ready_.clear();
  delayed_.clear();
  for (auto& [key, held] : blocked_) held = 0;
  in_flight_ = 0;
  bytes_ = 0;
}

int64_t BacklogWindow::Watermark() const {
  int64_t watermark = loaded_to_;
  if (!entries_.empty()) watermark = std::min(watermark, entries_.begin()->first - 1);
  for (const auto& [key, held] : blocked_) {
    if (held != 0) watermark = std::min(watermark, held - 1);
  }
  return watermark;
}

}  // namespace postern::delivery
