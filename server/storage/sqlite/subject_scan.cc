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

absl::StatusOr<std::vector<int64_t>> SubjectTail::Find(Connection& ledger, const Mac16& subject, int64_t indexed,
                                                       int64_t after, int limit) {
  int64_t last = 0;
  {
    Query query(ledger, "SELECT coalesce(max(seq), 0) FROM disclosure");
    if (query.Next()) last = query.Int(0);
    POSTERN_RETURN_IF_ERROR(query.status());
  }
  if (last - indexed > kMaxDisclosures) return ScanForSubject(ledger, subject, after, limit);
  absl::MutexLock lock(&mutex_);
  // The index has moved on, or was made anew: what it has, it has; the rest is short.
  if (indexed < from_ || through_ - from_ > kMaxDisclosures || indexed > through_) {
    positions_.clear();
    from_ = indexed;
    through_ = indexed;
  }
  if (last > through_) {
    const absl::Status read = ReadOn(ledger);
    if (!read.ok()) {
      positions_.clear();
      from_ = through_ = indexed;
      return read;
    }
  }
  std::vector<int64_t> seqs;
  const auto found = positions_.find(subject);
  if (found == positions_.end()) return seqs;
  for (const int64_t seq : found->second) {
    // Another reader may have seen more than this one does.
    if (seq <= after || seq > last) continue;
    if (static_cast<int>(seqs.size()) == limit) break;
    seqs.push_back(seq);
  }
  return seqs;
}

absl::Status SubjectTail::ReadOn(Connection& ledger) {
  Query query(ledger, "SELECT seq, subjects, order_mac FROM disclosure WHERE seq > ? ORDER BY seq");
  query.Bind(through_);
  while (query.Next()) {
    const int64_t seq = query.Int(0);
    std::vector<Mac16> concerned;
    POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(1), &concerned));
    POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(2), &concerned.emplace_back()));
    for (const Mac16& one : concerned) {
      std::vector<int64_t>& seqs = positions_[one];
      // A disclosure may name a subject twice.
      if (seqs.empty() || seqs.back() != seq) seqs.push_back(seq);
    }
    through_ = seq;
  }
  return query.status();
}

}  // namespace postern::storage
