#include "server/storage/move/subject_index_digest.h"

#include <vector>

#include "proto/errors/error.h"
#include "server/storage/sql/indexed_names.h"
#include "server/storage/sql/packing.h"

namespace postern::storage {

absl::StatusOr<SetDigest> NamesOfDisclosures(Connection& db) {
  SetDigest names;
  Query rows(db, "SELECT seq, subjects, order_mac FROM disclosure ORDER BY seq", Rows::kMany);
  while (rows.Next()) {
    std::vector<Mac16> subjects;
    Mac16 order;
    POSTERN_RETURN_IF_ERROR(Unpack(rows.Bytes(1), &subjects));
    POSTERN_RETURN_IF_ERROR(Unpack(rows.Bytes(2), &order));
    for (const Mac16& name : IndexedNames(std::move(subjects), order)) names.Add(rows.Int(0), View(name));
  }
  POSTERN_RETURN_IF_ERROR(rows.status());
  return names;
}

absl::StatusOr<SetDigest> NamesInIndex(Connection& db) {
  SetDigest names;
  Query rows(db, "SELECT subject, seq FROM disclosure_subject ORDER BY subject, seq", Rows::kMany);
  while (rows.Next()) names.Add(rows.Int(1), rows.Bytes(0));
  POSTERN_RETURN_IF_ERROR(rows.status());
  return names;
}

}  // namespace postern::storage
