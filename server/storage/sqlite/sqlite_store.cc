#include "server/storage/sqlite/sqlite_store.h"

#include <utility>

#include "proto/errors/error.h"
#include "server/storage/errors.h"
#include "server/storage/sql/check.h"
#include "server/storage/sql/sql_store.h"
#include "server/storage/sqlite/commit.h"
#include "server/storage/sqlite/data_directory.h"
#include "server/storage/sqlite/ledger_writer.h"
#include "server/storage/sqlite/maintenance.h"
#include "server/storage/sqlite/page_checksums.h"
#include "server/storage/sqlite/reader_pool.h"
#include "server/storage/sqlite/subject_index.h"

namespace postern::storage {
namespace {

constexpr char kLedgerFile[] = "ledger.db";

absl::Status CheckPages(Connection& db) {
  Query query(db, "PRAGMA integrity_check(1)");
  const bool good = query.Next() && query.Bytes(0) == "ok";
  POSTERN_RETURN_IF_ERROR(query.status());
  return good ? absl::OkStatus() : errors::Inconsistent("a page of the database is damaged");
}

class SqliteStore final : public SqlStore {
 public:
  SqliteStore(std::unique_ptr<DataDirectory> directory, std::unique_ptr<PageChecksums> pages,
              std::unique_ptr<LedgerWriter> writer, std::unique_ptr<ReaderPool> readers,
              std::unique_ptr<SubjectIndex> index, const crypto::Uuid& instance, const SqliteStoreOptions& options)
      : directory_(std::move(directory)),
        pages_(std::move(pages)),
        instance_(instance),
        writer_(std::move(writer)),
        readers_(std::move(readers)),
        index_(std::move(index)),
        maintenance_(*writer_, *readers_, *index_, options) {}

  absl::Status CommitGroup(absl::Span<const NewDisclosure> group, absl::Span<const DispatchMark> marks,
                           std::vector<CommitResult>* results) override {
    return AfterWrite(writer_->Write(
        [&](SqliteWriteScope& scope) { return CommitGroupIn(scope, grant_scopes_, group, marks, results); }));
  }

  absl::StatusOr<uint64_t> ReadFenceVersion() override { return writer_->fence_version(); }
  absl::StatusOr<int64_t> ReadLastSeq() override { return writer_->last_seq(); }
  absl::StatusOr<std::vector<DisclosureRow>> ListBySubject(const Mac16& subject, int64_t after, int limit) override {
    return index_->ListBySubject(*readers_, subject, after, limit);
  }
  crypto::Uuid instance() const override { return instance_; }
  void RequestScrub() override { maintenance_.RequestScrub(); }
  absl::Status Check() override {
    return readers_->Read([](Connection& db) -> absl::Status {
      POSTERN_RETURN_IF_ERROR(CheckPages(db));
      return CheckLedger(db);
    });
  }

 private:
  // Every write may have grown the log or the index's tail.
  absl::Status AfterWrite(absl::Status status) {
    maintenance_.Notice();
    return status;
  }

  absl::Status WriteWith(absl::FunctionRef<absl::Status(WriteScope&)> body) override {
    return AfterWrite(writer_->Write([&](SqliteWriteScope& scope) { return body(scope); }));
  }
  void RequestSweep() override { maintenance_.RequestSweep(); }
  absl::Status ReadWith(absl::FunctionRef<absl::Status(Connection&)> body) override { return readers_->Read(body); }

  const std::unique_ptr<DataDirectory> directory_;  // first, so that the lock goes last
  const std::unique_ptr<PageChecksums> pages_;      // under every connection
  const crypto::Uuid instance_;
  const std::unique_ptr<LedgerWriter> writer_;
  const std::unique_ptr<ReaderPool> readers_;
  const std::unique_ptr<SubjectIndex> index_;
  GrantScopes grant_scopes_;  // touched inside write transactions only, which the writer runs one at a time
  Maintenance maintenance_;   // last, so that its thread ends first
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const SqliteStoreOptions& options) {
  POSTERN_ASSIGN_OR_RETURN(DataDirectory opened, DataDirectory::Open(options.directory, options.create_if_missing));
  auto directory = std::make_unique<DataDirectory>(std::move(opened));
  POSTERN_ASSIGN_OR_RETURN(const std::string ledger, directory->File(kLedgerFile, options.create_if_missing));
  auto pages = std::make_unique<PageChecksums>(options.vfs);
  POSTERN_ASSIGN_OR_RETURN(std::unique_ptr<LedgerWriter> writer,
                           LedgerWriter::Open(ledger, pages->name(), options.version_batch, options.on_sync));
  auto readers = std::make_unique<ReaderPool>(ledger, pages->name(), options.readers);
  crypto::Uuid instance;
  POSTERN_RETURN_IF_ERROR(readers->Read([&](Connection& db) -> absl::Status {
    POSTERN_ASSIGN_OR_RETURN(instance, ReadInstance(db));
    return absl::OkStatus();
  }));
  POSTERN_ASSIGN_OR_RETURN(std::unique_ptr<SubjectIndex> index,
                           SubjectIndex::Open(*directory, instance, *readers, pages->name()));
  return std::make_unique<SqliteStore>(std::move(directory), std::move(pages), std::move(writer), std::move(readers),
                                       std::move(index), instance, options);
}

}  // namespace postern::storage
