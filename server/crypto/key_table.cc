#include "server/crypto/key_table.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/big_endian.h"
#include "server/crypto/errors.h"

namespace postern::crypto {
namespace {

// "PKEY" and the layout's version, so that no other file is taken for a key store.
constexpr int64_t kApplicationId = 0x504b4559;
constexpr int64_t kLayout = 1;

// What is overwritten later is a blob of fixed size (numbers big-endian), so that no row ever changes its length.
// Generation 0 marks a block without living keys, destruction time 0 a living KEK.
constexpr char kTables[] = R"sql(
  CREATE TABLE keks (
    sequence INTEGER PRIMARY KEY,
    realm INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    root_version INTEGER NOT NULL,
    wrapped BLOB NOT NULL,
    created_millis INTEGER NOT NULL,
    destroyed_millis BLOB NOT NULL DEFAULT x'0000000000000000'
  ) STRICT;
  CREATE TABLE key_blocks (
    sequence INTEGER PRIMARY KEY,
    ids BLOB NOT NULL,
    generation BLOB NOT NULL,
    wrapped BLOB NOT NULL
  ) STRICT;
  CREATE TABLE ledger (one INTEGER PRIMARY KEY CHECK (one = 1), id BLOB NOT NULL) STRICT;
  CREATE TABLE tombstones (
    sequence INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    shredded_millis INTEGER NOT NULL,
    last_generation INTEGER NOT NULL
  ) STRICT;
  PRAGMA application_id = 0x504b4559;
  PRAGMA user_version = 1;
)sql";

KeyBlock BlockOf(const SqliteStatement& row) {
  return {row.Int(0), std::string(row.Bytes(1)), static_cast<uint32_t>(ReadBigEndian(row.Bytes(2))),
          std::string(row.Bytes(3))};
}

// Resets a statement at the end of the scope, so that no read lock outlives its use.
class ResetAtExit {
 public:
  explicit ResetAtExit(SqliteStatement& statement) : statement_(statement) {}
  ~ResetAtExit() { statement_.Reset(); }
  ResetAtExit(const ResetAtExit&) = delete;
  ResetAtExit& operator=(const ResetAtExit&) = delete;

 private:
  SqliteStatement& statement_;
};

// Keys and ledger belong together, and neither says anything without the other: a pair that a restore has mixed up must
// not come into use.
absl::Status BindTo(SqliteFile& file, const std::string& path, absl::string_view ledger) {
  POSTERN_ASSIGN_OR_RETURN(SqliteStatement bind, file.Prepare("INSERT OR IGNORE INTO ledger (one, id) VALUES (1, ?1)"));
  POSTERN_RETURN_IF_ERROR(bind.BindBytes(1, ledger).Run());
  POSTERN_ASSIGN_OR_RETURN(SqliteStatement read, file.Prepare("SELECT id FROM ledger"));
  const ResetAtExit reset(read);
  POSTERN_ASSIGN_OR_RETURN(const bool row, read.Step());
  return row && read.Bytes(0) == ledger ? absl::OkStatus() : errors::KeyStoreOfAnotherLedger(path);
}

}  // namespace

absl::StatusOr<KeyTable> KeyTable::Open(const std::string& path, absl::string_view ledger, size_t name_batch) {
  POSTERN_ASSIGN_OR_RETURN(SqliteFile file, SqliteFile::Open(path));
  POSTERN_ASSIGN_OR_RETURN(const int64_t tables, file.QueryInt("SELECT count(*) FROM sqlite_schema"));
  if (tables == 0) {
    const std::string all = absl::StrCat("BEGIN IMMEDIATE;", kTables, KeySlots::kTables, "COMMIT;");
    POSTERN_RETURN_IF_ERROR(file.Execute(all.c_str()));
  }
  POSTERN_ASSIGN_OR_RETURN(const int64_t application, file.QueryInt("PRAGMA application_id"));
  POSTERN_ASSIGN_OR_RETURN(const int64_t layout, file.QueryInt("PRAGMA user_version"));
  if (application != kApplicationId || layout != kLayout) return errors::KeyStoreLayoutUnknown(path);
  if (!ledger.empty()) POSTERN_RETURN_IF_ERROR(BindTo(file, path, ledger));
  KeyTable table(std::move(file));
  POSTERN_RETURN_IF_ERROR(table.Prepare(name_batch));
  return table;
}

absl::Status KeyTable::Rebind(const std::string& path, absl::string_view from, absl::string_view to) {
  POSTERN_ASSIGN_OR_RETURN(SqliteFile file, SqliteFile::Open(path));
  {
    POSTERN_ASSIGN_OR_RETURN(SqliteStatement read, file.Prepare("SELECT id FROM ledger"));
    const ResetAtExit reset(read);
    POSTERN_ASSIGN_OR_RETURN(const bool bound, read.Step());
    if (bound && !from.empty() && read.Bytes(0) != from && read.Bytes(0) != to) {
      return errors::KeyStoreOfAnotherLedger(path);
    }
  }
  POSTERN_ASSIGN_OR_RETURN(SqliteStatement bind,
                           file.Prepare("INSERT OR REPLACE INTO ledger (one, id) VALUES (1, ?1)"));
  return bind.BindBytes(1, to).Run();
}

absl::Status KeyTable::Prepare(size_t name_batch) {
  const std::pair<SqliteStatement*, absl::string_view> statements[] = {
      {&read_block_, "SELECT sequence, ids, generation, wrapped FROM key_blocks WHERE sequence = ?1"},
      {&insert_block_, "INSERT INTO key_blocks (ids, generation, wrapped) VALUES (?1, ?2, ?3)"},
      {&replace_block_, "UPDATE key_blocks SET generation = ?2, wrapped = ?3 WHERE sequence = ?1"},
      {&insert_tombstone_, "INSERT INTO tombstones (id, shredded_millis, last_generation) VALUES (?1, ?2, ?3)"},
      {&list_tombstones_,
       "SELECT sequence, id, shredded_millis, last_generation FROM tombstones WHERE sequence > ?1"
       " ORDER BY sequence LIMIT ?2"},
      {&living_keks_,
       "SELECT realm, generation, root_version, wrapped FROM keks WHERE destroyed_millis = x'0000000000000000'"},
      {&list_generations_,
       "SELECT realm, generation, root_version, created_millis, destroyed_millis FROM keks"
       " ORDER BY generation DESC, realm"},
      {&insert_kek_,
       "INSERT INTO keks (realm, generation, root_version, wrapped, created_millis) VALUES (?1, ?2, ?3, ?4, ?5)"},
      {&destroy_keks_,
       "UPDATE keks SET wrapped = zeroblob(length(wrapped)), destroyed_millis = ?2 WHERE generation = ?1"},
      {&blocks_before_,
       "SELECT sequence, ids, generation, wrapped FROM key_blocks"
       " WHERE sequence > ?2 AND sequence <= ?3 AND generation < ?1 AND generation > x'00000000' ORDER BY sequence"},
      {&any_key_of_, "SELECT 1 FROM key_blocks WHERE sequence > ?2 AND sequence <= ?3 AND generation = ?1 LIMIT 1"},
  };
  for (const auto& [statement, sql] : statements) {
    POSTERN_ASSIGN_OR_RETURN(*statement, file_.Prepare(sql));
  }
  return slots_.Open(file_, name_batch);
}

absl::Status KeyTable::Commit() {
  POSTERN_RETURN_IF_ERROR(file_.Execute("COMMIT"));
  slots_.Committed();
  return absl::OkStatus();
}

void KeyTable::Rollback() {
  // Fails only if SQLite has rolled back by itself, which is what is wanted.
  static_cast<void>(file_.Execute("ROLLBACK").ok());
  slots_.RolledBack();
}

absl::StatusOr<KeyBlock> KeyTable::ReadBlock(int64_t sequence) {
  const ResetAtExit reset(read_block_);
  read_block_.BindInt(1, sequence);
  POSTERN_ASSIGN_OR_RETURN(const bool row, read_block_.Step());
  if (!row) return errors::StoredBytesMalformed("a key slot without its key");
  return BlockOf(read_block_);
}

absl::Status KeyTable::InsertBlock(const KeyBlock& block) {
  const std::string generation = BigEndian32(block.generation);
  POSTERN_RETURN_IF_ERROR(
      insert_block_.BindBytes(1, block.ids).BindBytes(2, generation).BindBytes(3, block.wrapped).Run());
  const int64_t sequence = file_.last_insert_id();
  for (size_t i = 0; i < block.size(); ++i) {
    POSTERN_ASSIGN_OR_RETURN(const KeyId id,
                             KeyId::FromBytes(absl::string_view(block.ids).substr(i * KeyId::kSize, KeyId::kSize)));
    slots_.Put({id, {sequence, static_cast<uint8_t>(i)}});
  }
  return absl::OkStatus();
}

absl::Status KeyTable::ReplaceBlock(const KeyBlock& block) {
  const std::string generation = BigEndian32(block.generation);
  return replace_block_.BindInt(1, block.sequence).BindBytes(2, generation).BindBytes(3, block.wrapped).Run();
}

absl::Status KeyTable::BuryKey(const KeyId& id, absl::Time now, uint32_t newest_generation) {
  POSTERN_RETURN_IF_ERROR(insert_tombstone_.BindBytes(1, id.AsBytes())
                              .BindInt(2, absl::ToUnixMillis(now))
                              .BindInt(3, newest_generation)
                              .Run());
  slots_.Clear(id, file_.last_insert_id());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<KeyTombstone>> KeyTable::ListTombstones(uint64_t after, size_t limit) {
  std::vector<KeyTombstone> tombstones;
  const ResetAtExit reset(list_tombstones_);
  list_tombstones_.BindInt(1, static_cast<int64_t>(after)).BindInt(2, static_cast<int64_t>(limit));
  for (;;) {
    POSTERN_ASSIGN_OR_RETURN(const bool row, list_tombstones_.Step());
    if (!row) return tombstones;
    KeyTombstone& tombstone = tombstones.emplace_back();
    tombstone.sequence = static_cast<uint64_t>(list_tombstones_.Int(0));
    POSTERN_ASSIGN_OR_RETURN(tombstone.id, KeyId::FromBytes(list_tombstones_.Bytes(1)));
    tombstone.shredded_at = absl::FromUnixMillis(list_tombstones_.Int(2));
    tombstone.last_generation = static_cast<uint32_t>(list_tombstones_.Int(3));
  }
}

absl::StatusOr<uint64_t> KeyTable::LastTombstone() {
  POSTERN_ASSIGN_OR_RETURN(const int64_t last, file_.QueryInt("SELECT coalesce(max(sequence), 0) FROM tombstones"));
  return static_cast<uint64_t>(last);
}

absl::StatusOr<bool> KeyTable::AnyKey() {
  POSTERN_ASSIGN_OR_RETURN(const int64_t found, file_.QueryInt("SELECT EXISTS (SELECT 1 FROM key_blocks)"));
  return found != 0;
}

absl::StatusOr<std::vector<StoredKek>> KeyTable::LivingKeks() {
  std::vector<StoredKek> keks;
  const ResetAtExit reset(living_keks_);
  for (;;) {
    POSTERN_ASSIGN_OR_RETURN(const bool row, living_keks_.Step());
    if (!row) return keks;
    keks.push_back({static_cast<KeyRealm>(living_keks_.Int(0)), static_cast<uint32_t>(living_keks_.Int(1)),
                    static_cast<uint32_t>(living_keks_.Int(2)), std::string(living_keks_.Bytes(3))});
  }
}

absl::Status KeyTable::InsertKek(const StoredKek& kek, absl::Time now) {
  return insert_kek_.BindInt(1, static_cast<int64_t>(kek.realm))
      .BindInt(2, kek.generation)
      .BindInt(3, kek.root_version)
      .BindBytes(4, kek.wrapped)
      .BindInt(5, absl::ToUnixMillis(now))
      .Run();
}

absl::Status KeyTable::DestroyKeks(uint32_t generation, absl::Time now) {
  const std::string millis = BigEndian64(static_cast<uint64_t>(absl::ToUnixMillis(now)));
  return destroy_keks_.BindInt(1, generation).BindBytes(2, millis).Run();
}

absl::StatusOr<std::vector<KeyGeneration>> KeyTable::ListGenerations() {
  std::vector<KeyGeneration> generations;
  const ResetAtExit reset(list_generations_);
  for (;;) {
    POSTERN_ASSIGN_OR_RETURN(const bool row, list_generations_.Step());
    if (!row) return generations;
    const auto number = static_cast<uint32_t>(list_generations_.Int(1));
    if (generations.empty() || generations.back().number != number) generations.emplace_back().number = number;
    KeyGeneration& generation = generations.back();
    const auto root_version = static_cast<uint32_t>(list_generations_.Int(2));
    const bool minors = static_cast<KeyRealm>(list_generations_.Int(0)) == KeyRealm::kMinors;
    (minors ? generation.minors_root_version : generation.root_version) = root_version;
    generation.created = absl::FromUnixMillis(list_generations_.Int(3));
    const auto destroyed = static_cast<int64_t>(ReadBigEndian(list_generations_.Bytes(4)));
    if (destroyed != 0) generation.destroyed = absl::FromUnixMillis(destroyed);
  }
}

absl::StatusOr<int64_t> KeyTable::LastBlock() {
  return file_.QueryInt("SELECT coalesce(max(sequence), 0) FROM key_blocks");
}

absl::StatusOr<std::vector<KeyBlock>> KeyTable::BlocksBefore(uint32_t generation, int64_t after, int64_t last) {
  std::vector<KeyBlock> blocks;
  const std::string bound = BigEndian32(generation);
  const ResetAtExit reset(blocks_before_);
  blocks_before_.BindBytes(1, bound).BindInt(2, after).BindInt(3, last);
  for (;;) {
    POSTERN_ASSIGN_OR_RETURN(const bool row, blocks_before_.Step());
    if (!row) return blocks;
    blocks.push_back(BlockOf(blocks_before_));
  }
}

absl::StatusOr<bool> KeyTable::AnyKeyOf(uint32_t generation, int64_t after, int64_t last) {
  const std::string generation_bytes = BigEndian32(generation);
  const ResetAtExit reset(any_key_of_);
  any_key_of_.BindBytes(1, generation_bytes).BindInt(2, after).BindInt(3, last);
  return any_key_of_.Step();
}

}  // namespace postern::crypto
