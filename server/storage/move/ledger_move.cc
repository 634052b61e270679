#include "server/storage/move/ledger_move.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/merkle.h"
#include "server/storage/errors.h"
#include "server/storage/move/row_digest.h"
#include "server/storage/move/subject_index_digest.h"
#include "server/storage/move/table_copy.h"
#include "server/storage/move/table_plan.h"
#include "server/storage/move/target.h"
#include "server/storage/sql/audit_tree.h"
#include "server/storage/sql/check.h"
#include "server/storage/sql/sql_store.h"
#include "server/storage/sqlite/connection.h"
#include "server/storage/sqlite/page_checksums.h"
#include "server/storage/sqlite/schema.h"

namespace postern::storage {
namespace {

constexpr int kCacheKib = 16 * 1024;

absl::Status Nothing(const Query&) {
  return absl::OkStatus();
}

class Move final : public LedgerMove {
 public:
  explicit Move(std::string schema) : schema_(std::move(schema)) {}

  absl::Status Open(const LedgerMoveOptions& options);

  const crypto::Uuid& instance() const override { return instance_; }
  const TreeHead& head() const override { return head_; }
  const std::string& checkpoint() const override { return checkpoint_; }
  absl::Status Copy(Progress progress) override;
  absl::Status Verify(absl::Span<const TreeHead> published, Progress progress) override;
  absl::Status Release() override { return ReleaseTarget(*target_); }

 private:
  absl::Status OpenSource(const std::string& directory);
  absl::Status Compare(absl::Span<const TreeHead> published, Progress progress);
  absl::Status CompareTable(const TablePlan& plan, absl::Span<const TreeHead> published);
  // Hashes the target's leaves as they are read.
  absl::StatusOr<TableDigest> DigestLeaves(const TablePlan& plan, absl::Span<const TreeHead> published);

  const std::string schema_;
  // Before the connections, which know their statements by the address of their text.
  std::vector<TablePlan> plans_;
  const PageChecksums pages_{""};
  std::unique_ptr<SqliteConnection> source_;
  std::unique_ptr<PostgresConnection> target_;
  crypto::Uuid instance_;
  TreeHead head_;
  std::string checkpoint_;
};

absl::Status Move::Open(const LedgerMoveOptions& options) {
  POSTERN_RETURN_IF_ERROR(OpenSource(options.directory));
  POSTERN_ASSIGN_OR_RETURN(target_, OpenTarget(options.conninfo, options.schema, instance_));
  return absl::OkStatus();
}

absl::Status Move::OpenSource(const std::string& directory) {
  POSTERN_ASSIGN_OR_RETURN(
      source_, SqliteConnection::Open(absl::StrCat(directory, "/ledger.db"), SqliteConnection::Mode::kReadOnly,
                                      pages_.name(), kCacheKib));
  // What is committed from here on is not seen.
  POSTERN_RETURN_IF_ERROR(source_->Execute("BEGIN", "begin to read"));
  POSTERN_ASSIGN_OR_RETURN(const int version, ReadSchemaVersion(*source_));
  if (version > kSchemaVersion) return errors::SchemaTooNew(version, kSchemaVersion);
  if (version < kSchemaVersion) return errors::SchemaTooOld(version, kSchemaVersion);
  POSTERN_ASSIGN_OR_RETURN(instance_, ReadInstance(*source_));
  POSTERN_ASSIGN_OR_RETURN(head_, ReadTreeHeadFrom(*source_));
  {
    Query query(*source_, "SELECT value FROM meta WHERE key = 'checkpoint'");
    if (query.Next()) checkpoint_ = query.String(0);
    POSTERN_RETURN_IF_ERROR(query.status());
  }
  POSTERN_ASSIGN_OR_RETURN(plans_, PlanTables(*source_));
  return absl::OkStatus();
}

absl::Status Move::Copy(Progress progress) {
  const auto index = [this](int64_t after, int64_t upto) { return IndexSubjects(*target_, after, upto); };
  const auto nothing = [](int64_t, int64_t) { return absl::OkStatus(); };
  for (const TablePlan& plan : plans_) {
    const auto tell = [&](int64_t done, int64_t all) { progress(plan.name, done, all); };
    const bool indexed = plan.name == "disclosure";
    POSTERN_RETURN_IF_ERROR(indexed ? CopyTable(*source_, *target_, plan, index, tell)
                                    : CopyTable(*source_, *target_, plan, nothing, tell));
  }
  POSTERN_RETURN_IF_ERROR(DeriveRecordVersions(*source_, *target_));
  return GoOnCounting(*source_, *target_, schema_);
}

absl::Status Move::Verify(absl::Span<const TreeHead> published, Progress progress) {
  target_->Send("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  absl::Status same = Compare(published, progress);
  if (same.ok()) same = CheckLedger(*target_);
  if (!target_->status().ok()) return same;
  POSTERN_RETURN_IF_ERROR(target_->Execute("COMMIT", "end a comparison"));
  if (same.ok()) return same;
  for (const TablePlan& plan : plans_) {
    POSTERN_RETURN_IF_ERROR(target_->Execute(plan.empty.c_str(), "empty a table"));
  }
  return same;
}

absl::Status Move::Compare(absl::Span<const TreeHead> published, Progress progress) {
  const auto all = static_cast<int64_t>(plans_.size()) + 1;
  int64_t done = 0;
  for (const TablePlan& plan : plans_) {
    progress("verify", done++, all);
    POSTERN_RETURN_IF_ERROR(CompareTable(plan, published));
  }
  progress("verify", done, all);
  POSTERN_ASSIGN_OR_RETURN(const SetDigest source, NamesOfDisclosures(*source_));
  POSTERN_ASSIGN_OR_RETURN(const SetDigest target, NamesInIndex(*target_));
  if (!(source == target)) return errors::Inconsistent("the index of subjects is not what the disclosures say");
  progress("verify", all, all);
  return absl::OkStatus();
}

absl::Status Move::CompareTable(const TablePlan& plan, absl::Span<const TreeHead> published) {
  POSTERN_ASSIGN_OR_RETURN(const TableDigest source, DigestTable(*source_, plan, Nothing));
  absl::StatusOr<TableDigest> target =
      plan.name == "audit_leaf" ? DigestLeaves(plan, published) : DigestTable(*target_, plan, Nothing);
  POSTERN_RETURN_IF_ERROR(target.status());
  if (*target == source) return absl::OkStatus();
  return errors::Inconsistent(
      absl::StrCat("table ", plan.name, " has ", source.rows, " rows, and its copy has ", target->rows, " or others"));
}

absl::StatusOr<TableDigest> Move::DigestLeaves(const TablePlan& plan, absl::Span<const TreeHead> published) {
  crypto::MerkleFrontier tree;
  size_t met = std::count_if(published.begin(), published.end(), [](const TreeHead& head) { return head.size == 0; });
  const auto add = [&](const Query& row) -> absl::Status {
    tree.Append(crypto::MerkleLeafHash(row.Bytes(1)));
    for (const TreeHead& head : published) {
      if (head.size != tree.size()) continue;
      if (head.root != tree.Root()) return errors::Inconsistent("the copied leaves do not hash to what was published");
      ++met;
    }
    return absl::OkStatus();
  };
  POSTERN_ASSIGN_OR_RETURN(const TableDigest digest, DigestTable(*target_, plan, add));
  if (met != published.size()) return errors::Inconsistent("the ledger has fewer entries than were published");
  if (tree.size() != head_.size || tree.Root() != head_.root) {
    return errors::Inconsistent("the copied leaves do not hash to the ledger's tree head");
  }
  return digest;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LedgerMove>> LedgerMove::Begin(const LedgerMoveOptions& options) {
  auto move = std::make_unique<Move>(options.schema);
  POSTERN_RETURN_IF_ERROR(move->Open(options));
  return move;
}

}  // namespace postern::storage
