#include "server/crypto/key_slots.h"

#include <algorithm>
#include <utility>

#include "absl/strings/string_view.h"
#include "proto/errors/error.h"

namespace postern::crypto {
namespace {

// In a run: block ‖ index (8 bits) ‖ incarnation (8 bits).
base::ChunkEntry Encode(const KeySlot& slot) {
  return {slot.id.WithIncarnation(0).bytes(), static_cast<uint64_t>(slot.position.block) << 16 |
                                                  uint64_t{slot.position.index} << 8 | slot.id.incarnation()};
}

KeySlot Decode(const KeyId& name, uint64_t value) {
  KeySlot slot{name.WithIncarnation(static_cast<uint8_t>(value)), {}};
  slot.position.block = static_cast<int64_t>(value >> 16);
  slot.position.index = static_cast<uint8_t>(value >> 8);
  return slot;
}

}  // namespace

const char KeySlots::kTables[] = R"sql(
  CREATE TABLE name_runs (run INTEGER PRIMARY KEY, names INTEGER NOT NULL, filter BLOB NOT NULL) STRICT;
  CREATE TABLE name_chunks (
    run INTEGER NOT NULL,
    first BLOB NOT NULL,
    entries BLOB NOT NULL,
    PRIMARY KEY (run, first)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE names_written (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    through_block INTEGER NOT NULL,
    through_tombstone INTEGER NOT NULL
  ) STRICT;
  INSERT INTO names_written VALUES (1, 0, 0);
)sql";

absl::Status KeySlots::Open(SqliteFile& file, size_t full_batch) {
  full_batch_ = std::max<size_t>(full_batch, 1);
  POSTERN_ASSIGN_OR_RETURN(set_written_,
                           file.Prepare("UPDATE names_written SET through_block = ?1, through_tombstone = ?2"));
  POSTERN_ASSIGN_OR_RETURN(newest_.block, file.QueryInt("SELECT through_block FROM names_written"));
  POSTERN_ASSIGN_OR_RETURN(newest_.tombstone, file.QueryInt("SELECT through_tombstone FROM names_written"));
  POSTERN_RETURN_IF_ERROR(runs_.Open(file.connection(), "name"));
  return ReadBack(file);
}

absl::Status KeySlots::ReadBack(SqliteFile& file) {
  POSTERN_ASSIGN_OR_RETURN(SqliteStatement blocks,
                           file.Prepare("SELECT sequence, ids FROM key_blocks WHERE sequence > ?1 ORDER BY sequence"));
  blocks.BindInt(1, newest_.block);
  for (;;) {
    POSTERN_ASSIGN_OR_RETURN(const bool row, blocks.Step());
    if (!row) break;
    const absl::string_view ids = blocks.Bytes(1);
    for (size_t i = 0; (i + 1) * KeyId::kSize <= ids.size(); ++i) {
      POSTERN_ASSIGN_OR_RETURN(const KeyId id, KeyId::FromBytes(ids.substr(i * KeyId::kSize, KeyId::kSize)));
      Remember({{id, {blocks.Int(0), static_cast<uint8_t>(i)}}, 0});
    }
  }
  // A key is made before it is shredded, and a later one of its name has a higher incarnation: tombstones may come
  // last.
  POSTERN_ASSIGN_OR_RETURN(SqliteStatement tombstones,
                           file.Prepare("SELECT sequence, id FROM tombstones WHERE sequence > ?1 ORDER BY sequence"));
  tombstones.BindInt(1, newest_.tombstone);
  for (;;) {
    POSTERN_ASSIGN_OR_RETURN(const bool row, tombstones.Step());
    if (!row) return absl::OkStatus();
    POSTERN_ASSIGN_OR_RETURN(const KeyId id, KeyId::FromBytes(tombstones.Bytes(1)));
    Remember({{id, {}}, tombstones.Int(0)});
  }
}

void KeySlots::Remember(const Change& change) {
  newest_.block = std::max(newest_.block, change.slot.position.block);
  newest_.tombstone = std::max(newest_.tombstone, change.tombstone);
  const auto [found, added] = recent_.try_emplace(change.slot.id.WithIncarnation(0), change.slot);
  if (!added && found->second.id.incarnation() <= change.slot.id.incarnation()) found->second = change.slot;
}

absl::StatusOr<std::optional<KeySlot>> KeySlots::Find(const KeyId& id) {
  const KeyId name = id.WithIncarnation(0);
  if (const auto found = recent_.find(name); found != recent_.end()) return found->second;
  POSTERN_ASSIGN_OR_RETURN(const std::optional<uint64_t> value, runs_.Find(name.bytes()));
  if (!value.has_value()) return std::nullopt;
  return Decode(name, *value);
}

void KeySlots::StartBatch() {
  batch_.reserve(recent_.size());
  for (const auto& [name, slot] : recent_) batch_.push_back(Encode(slot));
  std::sort(batch_.begin(), batch_.end());
  batch_reach_ = newest_;
  runs_.Start(batch_);
}

absl::Status KeySlots::WriteSome() {
  if (!runs_.busy()) StartBatch();
  POSTERN_ASSIGN_OR_RETURN(batch_written_, runs_.Step());
  if (!batch_written_) return absl::OkStatus();
  return set_written_.BindInt(1, batch_reach_.block).BindInt(2, batch_reach_.tombstone).Run();
}

void KeySlots::Committed() {
  runs_.Committed();
  if (std::exchange(batch_written_, false)) {
    // A name that has changed since then stays, in front of what was written.
    const auto is_written = [this](const auto& named) {
      return std::binary_search(batch_.begin(), batch_.end(), Encode(named.second));
    };
    absl::erase_if(recent_, is_written);
    batch_.clear();
  }
  for (const Change& change : changed_) Remember(change);
  changed_.clear();
}

void KeySlots::RolledBack() {
  changed_.clear();
  // Whatever was under way may have been written in part; commits of keys that fail take it along, and it begins anew.
  runs_.RolledBack();
  batch_.clear();
  batch_written_ = false;
}

}  // namespace postern::crypto
