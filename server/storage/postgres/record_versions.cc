#include "server/storage/postgres/record_versions.h"

#include <optional>

#include "proto/errors/error.h"
#include "server/storage/errors.h"
#include "server/storage/sql/packing.h"

namespace postern::storage {

absl::Status PostgresVersionBook::GiveBack(Connection& db, int64_t scope, const Mac16& key, uint64_t version) {
  std::optional<RecordVersion> found;
  {
    Query query(db, "SELECT version, free FROM record_version WHERE scope = ? AND record_key = ?");
    query.Bind(scope).Bind(View(key));
    if (query.Next()) found = RecordVersion{static_cast<uint64_t>(query.Int(0)), query.Int(1) != 0};
    POSTERN_RETURN_IF_ERROR(query.status());
  }
  if (!found.has_value()) return absl::OkStatus();
  // The newest one, or the one before a version that is free already.
  const bool newest = !found->free && found->version == version;
  const bool before_free = found->free && found->version != 0 && found->version == version + 1;
  if (!newest && !before_free) return absl::OkStatus();
  return Query(db, "UPDATE record_version SET version = ?, free = 1 WHERE scope = ? AND record_key = ?")
      .Bind(static_cast<int64_t>(version))
      .Bind(scope)
      .Bind(View(key))
      .Run();
}

void GroupVersions::Want(int64_t scope, const Mac16& key) {
  wanted_.push_back({scope, key});
}

absl::Status GroupVersions::Read(PostgresConnection& db) {
  if (wanted_.empty()) return absl::OkStatus();
  ArrayParameter scopes(kInt8);
  ArrayParameter keys(kBytea);
  for (const Key& key : wanted_) {
    scopes.Add(key.scope);
    keys.Add(View(key.record));
  }
  ArrayQuery query(db,
                   "SELECT v.scope, v.record_key, v.version, v.free FROM unnest($1, $2) AS w(scope, record_key) "
                   "JOIN record_version v ON v.scope = w.scope AND v.record_key = w.record_key");
  query.Bind(scopes).Bind(keys);
  while (query.Next()) {
    Key key{query.row().Int(0)};
    POSTERN_RETURN_IF_ERROR(Unpack(query.row().Bytes(1), &key.record));
    known_[key] = {static_cast<uint64_t>(query.row().Int(2)), query.row().Int(3) != 0};
  }
  return query.status();
}

bool GroupVersions::Advance(int64_t scope, const Mac16& key, uint64_t version) {
  const auto [known, fresh] = known_.try_emplace(Key{scope, key});
  if (!fresh && !known->second.Admits(version)) return false;
  known->second = {version, false};
  changed_[known->first] = version;
  return true;
}

absl::Status GroupVersions::Write(PostgresConnection& db) const {
  if (changed_.empty()) return absl::OkStatus();
  ArrayParameter scopes(kInt8);
  ArrayParameter keys(kBytea);
  ArrayParameter versions(kInt8);
  for (const auto& [key, version] : changed_) {
    scopes.Add(key.scope);
    keys.Add(View(key.record));
    versions.Add(static_cast<int64_t>(version));
  }
  return ArrayQuery(db,
                    "INSERT INTO record_version(scope, record_key, version, free) SELECT w.scope, w.record_key, "
                    "w.version, 0 FROM unnest($1, $2, $3) AS w(scope, record_key, version) "
                    "ON CONFLICT(scope, record_key) DO UPDATE SET version = excluded.version, free = 0")
      .Bind(scopes)
      .Bind(keys)
      .Bind(versions)
      .Run();
}

}  // namespace postern::storage
