#include "server/delivery/backlog_window.h"

#include <utility>

namespace postern::delivery {

void BacklogWindow::Add(WindowEntry entry) {
  const int64_t seq = entry.payload.seq;
  SetLoadedTo(seq);
  const auto hold = blocked_.find(entry.payload.record_key);
  if (hold != blocked_.end() && hold->second.passing != seq) {
    if (hold->second.first == 0) hold->second.first = seq;
    return;
  }
  Insert(std::move(entry));
}

void BacklogWindow::Insert(WindowEntry entry) {
  const int64_t seq = entry.payload.seq;
  const storage::Mac16 key = entry.payload.record_key;
  const auto size = static_cast<int64_t>(entry.bytes->size());
  const auto [it, inserted] = entries_.try_emplace(seq);
  if (!inserted) return;
  it->second.entry = std::move(entry);
  bytes_ += size;
  keys_[key].push_back(seq);
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
  if (const auto passing = passing_.find(seq); passing != passing_.end()) {
    const storage::Mac16 key = passing->second;
    passing_.erase(passing);
    Release(key);
  }
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
  int64_t first = 0;
  if (const auto order = keys_.find(key); order != keys_.end()) {
    const absl::InlinedVector<int64_t, 2> seqs = order->second;
    first = seqs.front();
    for (const int64_t seq : seqs) Remove(seq);
  }
  Hold& hold = blocked_[key];
  if (first != 0 && (hold.first == 0 || first < hold.first)) hold.first = first;
  hold.over = false;
}

void BacklogWindow::Unblock(const storage::Mac16& key) {
  if (blocked_.contains(key)) Release(key);
}

void BacklogWindow::LetPass(const storage::Mac16& key, int64_t position) {
  Hold& hold = blocked_[key];
  hold.passing = position;
  hold.over = false;
  passing_[position] = key;
}

void BacklogWindow::Release(const storage::Mac16& key) {
  Hold& hold = blocked_.at(key);
  if (hold.first == 0) {
    blocked_.erase(key);
    return;
  }
  // Until they are read again, what is held back still holds the watermark and keeps later records from overtaking.
  hold.passing = 0;
  hold.over = true;
  held_back_ = true;
}

// Everything after loaded_to_ will be read again.
void BacklogWindow::ForgetHeldBack() {
  for (auto it = blocked_.begin(); it != blocked_.end();) {
    it->second.first = 0;
    const auto here = it++;
    if (here->second.over) blocked_.erase(here);
  }
  held_back_ = false;
}

void BacklogWindow::DropIdle() {
  loaded_to_ = Watermark();
  ForgetHeldBack();
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
  ForgetHeldBack();
  in_flight_ = 0;
  bytes_ = 0;
}

int64_t BacklogWindow::Reach(int64_t records, int64_t bytes) const {
  int64_t reach = 0;
  for (const auto& [seq, slot] : entries_) {
    if (slot.place == Place::kInFlight) continue;
    bytes -= static_cast<int64_t>(slot.entry.bytes->size());
    if (--records < 0 || bytes < 0) break;
    if (slot.place == Place::kReady) reach = seq;
  }
  return reach;
}

int64_t BacklogWindow::Watermark() const {
  int64_t watermark = loaded_to_;
  if (!entries_.empty()) watermark = std::min(watermark, entries_.begin()->first - 1);
  for (const auto& [key, hold] : blocked_) {
    if (hold.first != 0) watermark = std::min(watermark, hold.first - 1);
  }
  return watermark;
}

}  // namespace postern::delivery
