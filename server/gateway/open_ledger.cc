#include "server/gateway/open_ledger.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/storage/postgres/postgres_store.h"
#include "server/storage/sqlite/sqlite_store.h"

namespace postern::gateway {

absl::StatusOr<std::unique_ptr<storage::Store>> OpenLedger(const config::Config& config,
                                                           std::function<absl::Time()> clock,
                                                           std::function<void(absl::Duration)> on_sync) {
  if (!config.store().postgres().empty()) {
    storage::PostgresStoreOptions store;
    store.conninfo = config.store().postgres();
    store.schema = config.store().postgres_schema();
    store.clock = std::move(clock);
    store.on_sync = std::move(on_sync);
    return storage::OpenPostgresStore(store);
  }
  storage::SqliteStoreOptions store;
  store.directory = absl::StrCat(config.data_dir(), "/ledger");
  store.clock = std::move(clock);
  store.on_sync = std::move(on_sync);
  return storage::OpenSqliteStore(store);
}

}  // namespace postern::gateway
