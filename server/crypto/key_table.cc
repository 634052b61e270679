#include "server/crypto/key_table.h"

#include <utility>

#include "proto/errors/error.h"
#include "server/crypto/big_endian.h"
#include "server/crypto/errors.h"

namespace postern::crypto {
namespace {

// "PKEY" and the layout's version, so that no other file is taken for a key store.
constexpr int64_t kApplicationId = 0x504b4559;
constexpr int64_t kLayout = 1;

// What is overwritten later is a blob of fixed size (numbers big-endian), so that no row ever changes its length.
// Generation 0 marks a shredded row, destruction time 0 a living KEK.
constexpr char kTables[] = R"sql(
  BEGIN IMMEDIATE;
  CREATE TABLE keks (
    sequence INTEGER PRIMARY KEY,
    realm INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    root_version INTEGER NOT NULL,
    wrapped BLOB NOT NULL,
    created_millis INTEGER NOT NULL,
    destroyed_millis BLOB NOT NULL DEFAULT x'0000000000000000'
  ) STRICT;
  CREATE TABLE wrapped_keys (
    sequence INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    generation BLOB NOT NULL,
    wrapped BLOB NOT NULL
  ) STRICT;
  CREATE TABLE key_slots (
    name BLOB PRIMARY KEY,
    incarnation INTEGER NOT NULL,
    sequence INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE slots_written (one INTEGER PRIMARY KEY CHECK (one = 1), through INTEGER NOT NULL) STRICT;
  INSERT INTO slots_written VALUES (1, 0);
  CREATE TABLE tombstones (
    sequence INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    shredded_millis INTEGER NOT NULL,
    last_generation INTEGER NOT NULL
  ) STRICT;
  PRAGMA application_id = 0x504b4559;
  PRAGMA user_version = 1;
  COMMIT;
)sql";

absl::StatusOr<WrappedKey> ReadWrappedKey(const SqliteStatement& row) {
  WrappedKey key;
  key.sequence = row.Int(0);
  POSTERN_ASSIGN_OR_RETURN(key.id, KeyId::FromBytes(row.Bytes(1)));
  key.generation = static_cast<uint32_t>(ReadBigEndian(row.Bytes(2)));
  key.bytes = std::string(row.Bytes(3));
  return key;
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

}  // namespace

absl::StatusOr<KeyTable> KeyTable::Open(const std::string& path, size_t name_batch) {
  POSTERN_ASSIGN_OR_RETURN(SqliteFile file, SqliteFile::Open(path));
  POSTERN_ASSIGN_OR_RETURN(const int64_t tables, file.QueryInt("SELECT count(*) FROM sqlite_schema"));
  if (tables == 0) POSTERN_RETURN_IF_ERROR(file.Execute(kTables));
  POSTERN_ASSIGN_OR_RETURN(const int64_t application, file.QueryInt("PRAGMA application_id"));
  POSTERN_ASSIGN_OR_RETURN(const int64_t layout, file.QueryInt("PRAGMA user_version"));
  if (application != kApplicationId || layout != kLayout) return errors::KeyStoreLayoutUnknown(path);
  KeyTable table(std::move(file));
  POSTERN_RETURN_IF_ERROR(table.Prepare(name_batch));
  return table;
}

absl::Status KeyTable::Prepare(size_t name_batch) {
  const std::pair<SqliteStatement*, absl::string_view> statements[] = {
      {&read_key_, "SELECT sequence, id, generation, wrapped FROM wrapped_keys WHERE sequence = ?1"},
      {&insert_key_, "INSERT INTO wrapped_keys (id, generation, wrapped) VALUES (?1, ?2, ?3)"},
      {&zero_key_,
       "UPDATE wrapped_keys SET generation = zeroblob(length(generation)), wrapped = zeroblob(length(wrapped))"
       " WHERE sequence = ?1"},
      {&insert_tombstone_, "INSERT INTO tombstones (id, shredded_millis, last_generation) VALUES (?1, ?2, ?3)"},
      {&list_tombstones_,
       "SELECT sequence, id, shredded_millis, last_generation FROM tombstones WHERE sequence > ?1"
       " ORDER BY sequence LIMIT ?2"},
      {&living_keks_,
       "SELECT realm, generation, root_version, wrapped FROM keks WHERE destroyed_millis = x'0000000000000000'"},
      {&insert_kek_,
       "INSERT INTO keks (realm, generation, root_version, wrapped, created_millis) VALUES (?1, ?2, ?3, ?4, ?5)"},
      {&destroy_keks_,
       "UPDATE keks SET wrapped = zeroblob(length(wrapped)), destroyed_millis = ?2 WHERE generation = ?1"},
      {&keys_before_,
       "SELECT sequence, id, generation, wrapped FROM wrapped_keys"
       " WHERE sequence > ?2 AND generation < ?1 AND generation > x'00000000' ORDER BY sequence LIMIT ?3"},
      {&replace_key_, "UPDATE wrapped_keys SET generation = ?2, wrapped = ?3 WHERE sequence = ?1"},
      {&any_key_of_, "SELECT 1 FROM wrapped_keys WHERE generation = ?1 LIMIT 1"},
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

absl::StatusOr<WrappedKey> KeyTable::ReadKey(int64_t sequence) {
  const ResetAtExit reset(read_key_);
  read_key_.BindInt(1, sequence);
  POSTERN_ASSIGN_OR_RETURN(const bool row, read_key_.Step());
  if (!row) return errors::StoredBytesMalformed("a key slot without its key");
  return ReadWrappedKey(read_key_);
}

absl::Status KeyTable::InsertKey(const KeyId& id, uint32_t generation, absl::string_view wrapped) {
  const std::string generation_bytes = BigEndian32(generation);
  POSTERN_RETURN_IF_ERROR(
      insert_key_.BindBytes(1, id.AsBytes()).BindBytes(2, generation_bytes).BindBytes(3, wrapped).Run());
  slots_.Put({id, file_.last_insert_id()});
  return absl::OkStatus();
}

absl::Status KeyTable::ShredKey(const KeySlot& slot, absl::Time now, uint32_t newest_generation) {
  POSTERN_RETURN_IF_ERROR(zero_key_.BindInt(1, slot.sequence).Run());
  POSTERN_RETURN_IF_ERROR(slots_.Clear(slot.id));
  return insert_tombstone_.BindBytes(1, slot.id.AsBytes())
      .BindInt(2, absl::ToUnixMillis(now))
      .BindInt(3, newest_generation)
      .Run();
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

absl::StatusOr<bool> KeyTable::AnyKey() {
  POSTERN_ASSIGN_OR_RETURN(const int64_t found, file_.QueryInt("SELECT EXISTS (SELECT 1 FROM wrapped_keys)"));
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

absl::StatusOr<std::vector<WrappedKey>> KeyTable::KeysBefore(uint32_t generation, int64_t after, size_t limit) {
  std::vector<WrappedKey> keys;
  const std::string bound = BigEndian32(generation);
  const ResetAtExit reset(keys_before_);
  keys_before_.BindBytes(1, bound).BindInt(2, after).BindInt(3, static_cast<int64_t>(limit));
  for (;;) {
    POSTERN_ASSIGN_OR_RETURN(const bool row, keys_before_.Step());
    if (!row) return keys;
    POSTERN_ASSIGN_OR_RETURN(WrappedKey key, ReadWrappedKey(keys_before_));
    keys.push_back(std::move(key));
  }
}

absl::Status KeyTable::ReplaceKey(int64_t sequence, uint32_t generation, absl::string_view wrapped) {
  const std::string generation_bytes = BigEndian32(generation);
  return replace_key_.BindInt(1, sequence).BindBytes(2, generation_bytes).BindBytes(3, wrapped).Run();
}

absl::StatusOr<bool> KeyTable::AnyKeyOf(uint32_t generation) {
  const std::string generation_bytes = BigEndian32(generation);
  const ResetAtExit reset(any_key_of_);
  any_key_of_.BindBytes(1, generation_bytes);
  return any_key_of_.Step();
}

}  // namespace postern::crypto
