#include "server/crypto/key_slots.h"

#include <algorithm>
#include <utility>

#include "proto/errors/error.h"

namespace postern::crypto {
namespace {

// Names that one transaction writes: a commit that comes meanwhile waits for it, a millisecond or two.
constexpr size_t kStep = 256;

}  // namespace

absl::Status KeySlots::Open(SqliteFile& file, size_t full_batch) {
  full_batch_ = full_batch;
  POSTERN_ASSIGN_OR_RETURN(find_, file.Prepare("SELECT incarnation, sequence FROM key_slots WHERE name = ?1"));
  POSTERN_ASSIGN_OR_RETURN(put_, file.Prepare("INSERT INTO key_slots (name, incarnation, sequence) VALUES (?1, ?2, ?3)"
                                              " ON CONFLICT (name) DO UPDATE SET incarnation = ?2, sequence = ?3"));
  POSTERN_ASSIGN_OR_RETURN(set_through_, file.Prepare("UPDATE slots_written SET through = ?1"));
  POSTERN_ASSIGN_OR_RETURN(newest_, file.QueryInt("SELECT through FROM slots_written"));
  POSTERN_ASSIGN_OR_RETURN(SqliteStatement unwritten,
                           file.Prepare("SELECT sequence, id, generation <> x'00000000' FROM wrapped_keys"
                                        " WHERE sequence > ?1 ORDER BY sequence"));
  unwritten.BindInt(1, newest_);
  for (;;) {
    POSTERN_ASSIGN_OR_RETURN(const bool row, unwritten.Step());
    if (!row) return absl::OkStatus();
    newest_ = unwritten.Int(0);
    POSTERN_ASSIGN_OR_RETURN(const KeyId id, KeyId::FromBytes(unwritten.Bytes(1)));
    recent_[id.WithIncarnation(0)] = {id, unwritten.Int(2) != 0 ? newest_ : 0};
  }
}

absl::StatusOr<std::optional<KeySlot>> KeySlots::Find(const KeyId& id) {
  const KeyId name = id.WithIncarnation(0);
  if (const auto found = recent_.find(name); found != recent_.end()) return found->second;
  find_.BindBytes(1, name.AsBytes());
  const absl::StatusOr<bool> row = find_.Step();
  std::optional<KeySlot> slot;
  if (row.ok() && *row) slot = KeySlot{id.WithIncarnation(static_cast<uint8_t>(find_.Int(0))), find_.Int(1)};
  find_.Reset();
  POSTERN_RETURN_IF_ERROR(row.status());
  return slot;
}

absl::Status KeySlots::Clear(const KeyId& id) {
  const KeySlot empty{id, 0};
  changed_.push_back(empty);
  return WriteSlot(empty);
}

void KeySlots::Committed() {
  if (writing_ > 0) FinishStep();
  for (const KeySlot& slot : changed_) {
    newest_ = std::max(newest_, slot.sequence);
    const KeyId name = slot.id.WithIncarnation(0);
    // A cleared slot is in the B-tree as well; it stays here only where an older state would hide it.
    if (slot.sequence != 0) {
      recent_[name] = slot;
    } else if (const auto found = recent_.find(name); found != recent_.end()) {
      found->second = slot;
    }
  }
  changed_.clear();
}

absl::Status KeySlots::WriteSlot(const KeySlot& slot) {
  const KeyId name = slot.id.WithIncarnation(0);
  return put_.BindBytes(1, name.AsBytes()).BindInt(2, slot.id.incarnation()).BindInt(3, slot.sequence).Run();
}

void KeySlots::StartBatch() {
  batch_.reserve(recent_.size());
  for (const auto& [name, slot] : recent_) batch_.push_back(name);
  // Descending, because names are taken from the end.
  std::sort(batch_.begin(), batch_.end(), [](const KeyId& a, const KeyId& b) { return b < a; });
  batch_through_ = newest_;
}

absl::Status KeySlots::WriteSome() {
  if (batch_.empty()) StartBatch();
  writing_ = std::min(batch_.size(), kStep);
  for (size_t i = 0; i < writing_; ++i) {
    POSTERN_RETURN_IF_ERROR(WriteSlot(recent_.at(batch_[batch_.size() - 1 - i])));
  }
  return writing_ == batch_.size() ? set_through_.BindInt(1, batch_through_).Run() : absl::OkStatus();
}

void KeySlots::FinishStep() {
  batch_.resize(batch_.size() - std::exchange(writing_, 0));
  if (!batch_.empty()) return;
  absl::erase_if(recent_, [this](const auto& entry) { return entry.second.sequence <= batch_through_; });
}

}  // namespace postern::crypto
