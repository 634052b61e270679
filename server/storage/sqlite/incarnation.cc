#include "server/storage/sqlite/incarnation.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/random.h"
#include "server/storage/sqlite/connection.h"
#include "server/storage/sqlite/page_checksums.h"

namespace postern::storage {

absl::StatusOr<crypto::Uuid> NewIncarnation() {
  crypto::Uuid instance;
  POSTERN_RETURN_IF_ERROR(crypto::FillRandom(instance.bytes.data(), instance.bytes.size()));
  return instance;
}

absl::Status SetIncarnation(const std::string& directory, const crypto::Uuid& instance) {
  const PageChecksums pages("");
  POSTERN_ASSIGN_OR_RETURN(const std::unique_ptr<SqliteConnection> db,
                           SqliteConnection::Open(absl::StrCat(directory, "/ledger.db"),
                                                  SqliteConnection::Mode::kReadWrite, pages.name(), 1024));
  POSTERN_RETURN_IF_ERROR(db->Execute("PRAGMA synchronous = FULL; BEGIN IMMEDIATE", "begin"));
  absl::Status status = Query(*db, "UPDATE meta SET value = ? WHERE key = 'instance'").Bind(instance.AsBytes()).Run();
  if (status.ok()) status = Query(*db, "DELETE FROM meta WHERE key = 'checkpoint'").Run();
  if (status.ok()) status = db->Execute("COMMIT", "commit");
  return status;
}

}  // namespace postern::storage
