#include "server/storage/postgres/postgres_store.h"

#include <array>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/random.h"
#include "server/storage/errors.h"
#include "server/storage/postgres/commit.h"
#include "server/storage/postgres/maintenance.h"
#include "server/storage/postgres/postgres_writer.h"
#include "server/storage/postgres/session_pool.h"
#include "server/storage/sql/check.h"
#include "server/storage/sql/indexed_names.h"
#include "server/storage/sql/packing.h"
#include "server/storage/sql/settle.h"
#include "server/storage/sql/sql_store.h"

namespace postern::storage {
namespace {

// For one statement that walks the whole ledger.
constexpr absl::Duration kWalkTimeout = absl::Hours(24);

absl::Status IndexSubjects(Connection& db, int64_t seq) {
  std::vector<Mac16> subjects;
  Mac16 order;
  {
    Query query(db, "SELECT subjects, order_mac FROM disclosure WHERE seq = ?");
    query.Bind(seq);
    if (!query.Next()) return query.status();
    POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(0), &subjects));
    POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(1), &order));
  }
  for (const Mac16& name : IndexedNames(std::move(subjects), order)) {
    POSTERN_RETURN_IF_ERROR(
        Query(db, "INSERT INTO disclosure_subject(subject, seq) VALUES(?, ?)").Bind(View(name)).Bind(seq).Run());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<DisclosureRow>> ListBySubjectFrom(Connection& db, const Mac16& subject, int64_t after,
                                                             int limit) {
  DisclosureReader reader(db);
  std::vector<DisclosureRow> rows;
  Query query(db, POSTERN_SELECT_DISCLOSURE
              "WHERE d.seq IN (SELECT n.seq FROM disclosure_subject n WHERE n.subject = ? AND n.seq > ? ORDER BY n.seq "
              "LIMIT ?) ORDER BY d.seq");
  query.Bind(View(subject)).Bind(after).Bind(limit);
  while (query.Next()) {
    POSTERN_ASSIGN_OR_RETURN(ReadRow read, reader.Current(query));
    rows.push_back(std::move(read.row));
  }
  POSTERN_RETURN_IF_ERROR(query.status());
  return rows;
}

class PostgresStore final : public SqlStore {
 public:
  PostgresStore(const SessionOptions& session, std::unique_ptr<PostgresWriter> writer,
                std::unique_ptr<SessionPool> readers, const crypto::Uuid& instance, const PostgresStoreOptions& options)
      : session_(session),
        instance_(instance),
        writer_(std::move(writer)),
        readers_(std::move(readers)),
        maintenance_(*writer_, *readers_, session_, options.clock) {}

  absl::Status CommitGroup(absl::Span<const NewDisclosure> group, absl::Span<const DispatchMark> marks,
                           std::vector<CommitResult>* results) override {
    return writer_->Write([&](PostgresConnection& db, WriteScope& scope) {
      return CommitGroupIn(db, scope, grant_scopes_, group, marks, results);
    });
  }

  absl::StatusOr<int64_t> ReplayDeadLetter(const crypto::Uuid& id, absl::string_view audit_leaf) override {
    int64_t seq = 0;
    POSTERN_RETURN_IF_ERROR(WriteWith([&](WriteScope& scope) -> absl::Status {
      POSTERN_ASSIGN_OR_RETURN(seq, ReplayDeadLetterIn(scope, id));
      POSTERN_RETURN_IF_ERROR(IndexSubjects(scope.db(), seq));
      return scope.AppendLeaf(audit_leaf).status();
    }));
    return seq;
  }

  absl::StatusOr<uint64_t> ReadFenceVersion() override { return writer_->fence_version(); }
  absl::StatusOr<int64_t> ReadLastSeq() override { return writer_->last_seq(); }
  absl::StatusOr<std::vector<DisclosureRow>> ListBySubject(const Mac16& subject, int64_t after, int limit) override {
    return ReadBy<std::vector<DisclosureRow>>(
        [&](Connection& db) { return ListBySubjectFrom(db, subject, after, limit); });
  }
  crypto::Uuid instance() const override { return instance_; }
  void RequestScrub() override { maintenance_.RequestScrub(); }
  absl::Status Check() override {
    SessionOptions slow = session_;
    slow.statement_timeout = kWalkTimeout;
    return SessionPool(slow, 1).Read([](PostgresConnection& db) -> absl::Status {
      POSTERN_RETURN_IF_ERROR(CheckLedger(db));
      Query query(db,
                  "SELECT 1 FROM disclosure d WHERE NOT EXISTS(SELECT 1 FROM disclosure_subject n WHERE n.subject = "
                  "d.order_mac AND n.seq = d.seq)");
      const bool found = query.Next();
      POSTERN_RETURN_IF_ERROR(query.status());
      return found ? errors::Inconsistent("a disclosure is not in the index of subjects") : absl::OkStatus();
    });
  }

 private:
  absl::Status WriteWith(absl::FunctionRef<absl::Status(WriteScope&)> body) override {
    return writer_->Write([&](PostgresConnection&, WriteScope& scope) { return body(scope); });
  }
  void RequestSweep() override { maintenance_.RequestSweep(); }
  absl::Status ReadWith(absl::FunctionRef<absl::Status(Connection&)> body) override {
    return readers_->Read([&](PostgresConnection& db) { return body(db); });
  }

  const SessionOptions session_;
  const crypto::Uuid instance_;
  const std::unique_ptr<PostgresWriter> writer_;
  const std::unique_ptr<SessionPool> readers_;
  GrantScopes grant_scopes_;         // touched inside write transactions only, which the writer runs one at a time
  PostgresMaintenance maintenance_;  // last, so that its thread ends first
};

// A name that only the sessions of this store bear.
absl::StatusOr<std::string> NewApplicationName() {
  std::array<uint8_t, 8> bytes{};
  POSTERN_RETURN_IF_ERROR(crypto::FillRandom(bytes.data(), bytes.size()));
  return absl::StrCat("posternd-", absl::BytesToHexString(View(bytes)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenPostgresStore(const PostgresStoreOptions& options) {
  POSTERN_RETURN_IF_ERROR(CheckConninfo(options.conninfo));
  POSTERN_RETURN_IF_ERROR(CheckSchemaName(options.schema));
  SessionOptions session;
  session.conninfo = options.conninfo;
  session.schema = options.schema;
  POSTERN_ASSIGN_OR_RETURN(session.application_name, NewApplicationName());
  session.statement_timeout = options.statement_timeout;
  POSTERN_ASSIGN_OR_RETURN(std::unique_ptr<PostgresWriter> writer,
                           PostgresWriter::Open(session, options.lock_wait, options.on_sync));
  auto readers = std::make_unique<SessionPool>(session, options.readers);
  crypto::Uuid instance;
  POSTERN_RETURN_IF_ERROR(readers->Read([&](PostgresConnection& db) -> absl::Status {
    POSTERN_ASSIGN_OR_RETURN(instance, ReadInstance(db));
    return absl::OkStatus();
  }));
  return std::make_unique<PostgresStore>(session, std::move(writer), std::move(readers), instance, options);
}

}  // namespace postern::storage
