#include "server/storage/sqlite/subject_scan.h"

#include "proto/errors/error.h"
#include "server/storage/sql/packing.h"

namespace postern::storage {

absl::StatusOr<std::vector<int64_t>> ScanForSubject(Connection& ledger, const Mac16& subject, int64_t after,
                                                    int limit) {
  std::vector<int64_t> seqs;
  Query query(ledger, "SELECT seq, subjects, order_mac FROM disclosure WHERE seq > ? ORDER BY seq");
  query.Bind(after);
  while (static_cast<int>(seqs.size()) < limit && query.Next()) {
    if (query.Bytes(2) == View(subject)) {
      seqs.push_back(query.Int(0));
      continue;
    }
    for (absl::string_view subjects = query.Bytes(1); subjects.size() >= subject.size();
         subjects.remove_prefix(subject.size())) {
      if (subjects.substr(0, subject.size()) != View(subject)) continue;
      seqs.push_back(query.Int(0));
      break;
    }
  }
  POSTERN_RETURN_IF_ERROR(query.status());
  return seqs;
}

}  // namespace postern::storage
