#include "server/storage/sqlite/record_versions.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "proto/errors/error.h"
#include "server/storage/sql/packing.h"

namespace postern::storage {
namespace {

// The scope, and as much of the key as there is room for: the last 96 bits of an HMAC.
crypto::SortedRuns::Name NameOf(int64_t scope, const Mac16& key) {
  crypto::SortedRuns::Name name;
  for (size_t i = 0; i < 4; ++i) name[i] = static_cast<uint8_t>(scope >> (24 - 8 * i));
  std::memcpy(name.data() + 4, key.data() + 4, name.size() - 4);
  return name;
}

}  // namespace

absl::Status RecordVersions::Load(SqliteConnection& db) {
  POSTERN_RETURN_IF_ERROR(runs_.Open(db.handle(), "record_version"));
  {
    Query through(db, "SELECT seq, EXISTS(SELECT 1 FROM record_version_free) FROM record_version_through");
    if (through.Next()) {
      last_seq_ = through.Int(0);
      any_free_ = through.Int(1) != 0;
    }
    POSTERN_RETURN_IF_ERROR(through.status());
  }
  Query query(db,
              "SELECT d.seq, g.scope, d.record_key, d.record_version FROM disclosure d JOIN grant_ref g "
              "ON g.id = d.grant_id WHERE d.seq > ? AND d.record_version IS NOT NULL ORDER BY d.seq");
  query.Bind(last_seq_);
  while (query.Next()) {
    last_seq_ = query.Int(0);
    Mac16 key;
    POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(2), &key));
    uint64_t& newest = recent_[NameOf(query.Int(1), key)];
    newest = std::max(newest, static_cast<uint64_t>(query.Int(3)));
  }
  return query.status();
}

absl::StatusOr<std::optional<uint64_t>> RecordVersions::Newest(const Name& name) {
  if (const auto changed = changed_.find(name); changed != changed_.end()) return changed->second;
  if (const auto recent = recent_.find(name); recent != recent_.end()) return recent->second;
  return runs_.Find(name);
}

absl::StatusOr<bool> RecordVersions::Advance(Connection& db, int64_t scope, const Mac16& key, uint64_t version) {
  const Name name = NameOf(scope, key);
  POSTERN_ASSIGN_OR_RETURN(const std::optional<uint64_t> newest, Newest(name));
  if (any_free_) {
    POSTERN_ASSIGN_OR_RETURN(const std::optional<uint64_t> free, FreeFrom(db, scope, key));
    if (free.has_value()) {
      if (version < *free) return false;
      const bool above = !newest.has_value() || version >= *newest;
      if (above) changed_[name] = version;
      POSTERN_RETURN_IF_ERROR(SetFreeFrom(db, scope, key, above ? std::nullopt : std::optional<uint64_t>(version + 1)));
      return true;
    }
  }
  if (newest.has_value() && version <= *newest) return false;
  changed_[name] = version;
  return true;
}

absl::Status RecordVersions::GiveBack(Connection& db, int64_t scope, const Mac16& key, uint64_t version) {
  POSTERN_ASSIGN_OR_RETURN(std::optional<uint64_t> free, FreeFrom(db, scope, key));
  if (!free.has_value()) {
    POSTERN_ASSIGN_OR_RETURN(const std::optional<uint64_t> newest, Newest(NameOf(scope, key)));
    if (newest != version) return absl::OkStatus();
  } else if (*free == 0 || *free != version + 1) {
    return absl::OkStatus();
  }
  any_free_ = true;
  return SetFreeFrom(db, scope, key, version);
}

absl::StatusOr<std::optional<uint64_t>> RecordVersions::FreeFrom(Connection& db, int64_t scope, const Mac16& key) {
  Query query(db, "SELECT version FROM record_version_free WHERE scope = ? AND record_key = ?");
  query.Bind(scope).Bind(View(key));
  std::optional<uint64_t> version;
  if (query.Next()) version = static_cast<uint64_t>(query.Int(0));
  POSTERN_RETURN_IF_ERROR(query.status());
  return version;
}

absl::Status RecordVersions::SetFreeFrom(Connection& db, int64_t scope, const Mac16& key,
                                         std::optional<uint64_t> version) {
  if (!version.has_value()) {
    return Query(db, "DELETE FROM record_version_free WHERE scope = ? AND record_key = ?")
        .Bind(scope)
        .Bind(View(key))
        .Run();
  }
  return Query(db, "INSERT OR REPLACE INTO record_version_free(scope, record_key, version) VALUES(?, ?, ?)")
      .Bind(scope)
      .Bind(View(key))
      .Bind(static_cast<int64_t>(*version))
      .Run();
}

absl::Status RecordVersions::WriteSome(Connection& db) {
  if (!runs_.busy()) {
    batch_.reserve(recent_.size());
    for (const auto& [name, version] : recent_) batch_.push_back({name, version});
    std::sort(batch_.begin(), batch_.end());
    batch_through_ = last_seq_;
    runs_.Start(batch_);
  }
  POSTERN_ASSIGN_OR_RETURN(batch_written_, runs_.Step());
  if (!batch_written_) return absl::OkStatus();
  return Query(db, "UPDATE record_version_through SET seq = ?").Bind(batch_through_).Run();
}

void RecordVersions::Committed(int64_t last_seq) {
  last_seq_ = last_seq;
  runs_.Committed();
  if (std::exchange(batch_written_, false)) {
    // What has grown since then stays, in front of what was written.
    const auto is_written = [this](const auto& named) {
      return std::binary_search(batch_.begin(), batch_.end(), base::ChunkEntry{named.first, named.second});
    };
    absl::erase_if(recent_, is_written);
    batch_.clear();
  }
  for (const auto& [name, version] : changed_) recent_[name] = version;
  changed_.clear();
}

void RecordVersions::RolledBack() {
  changed_.clear();
  runs_.RolledBack();
  batch_.clear();
  batch_written_ = false;
}

}  // namespace postern::storage
