// Moves a ledger from SQLite into PostgreSQL: one consistent state of it, whether or not a gateway writes meanwhile.
//
// As long as it is under way the schema bears a marker, and no gateway serves it. A move that was interrupted, or one
// of a ledger that has grown since, is begun again: disclosures and audit leaves that are there already are not copied
// again, everything else is.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/crypto/uuid7.h"
#include "server/storage/store.h"

namespace postern::storage {

struct LedgerMoveOptions {
  std::string directory;  // of the file ledger.db; read only
  std::string conninfo;   // as PostgresStoreOptions
  std::string schema;     // made if it is missing
};

// Not thread-safe.
class LedgerMove {
 public:
  // Told how many rows of a table are done, and how many there are.
  using Progress = absl::FunctionRef<void(absl::string_view table, int64_t done, int64_t all)>;

  // Reads from one state of the source from here on, and claims the schema. FAILED_PRECONDITION if that holds a ledger,
  // is in use, or belongs to the move of another ledger, if the server is unfit, or if the source's tables are not of
  // this release; LEDGER_UNAVAILABLE.
  static absl::StatusOr<std::unique_ptr<LedgerMove>> Begin(const LedgerMoveOptions& options);
  virtual ~LedgerMove() = default;

  // Of the source.
  virtual const crypto::Uuid& instance() const = 0;
  virtual const TreeHead& head() const = 0;
  // Its newest published checkpoint; empty if there is none.
  virtual const std::string& checkpoint() const = 0;

  virtual absl::Status Copy(Progress progress) = 0;
  // Reads both anew: every table has as many rows and the same digest; the index of subjects is what the source's
  // disclosures say; the copied leaves hash to the source's tree head and to every head in `published`; and the rules
  // of a ledger hold. DATA_LOSS otherwise, and the target is emptied: the next try begins from nothing.
  virtual absl::Status Verify(absl::Span<const TreeHead> published, Progress progress) = 0;
  // Removes the marker: from here on a gateway may serve the schema.
  virtual absl::Status Release() = 0;
};

}  // namespace postern::storage
