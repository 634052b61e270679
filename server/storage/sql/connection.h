// A connection to the database that a store stands on, and its queries, whichever database it is. Not thread-safe:
// whoever owns a connection guards it.
//
// The SQL in this folder is what SQLite 3.40 and PostgreSQL 15 understand alike. Parameters are `?`, or `?1`, `?2`
// where one is used twice; integers have 64 bits. `a CROSS JOIN b ON ...` says that `a` is the outer loop.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace postern::storage {

// How many rows a query is expected to have: of many, only some at a time are brought into memory.
enum class Rows { kFew, kMany };

// A prepared statement. Used through Query only, which see.
class Statement {
 public:
  virtual ~Statement() = default;

  // Makes it ready for a run.
  virtual void Begin(Rows rows) = 0;
  virtual void Bind(int64_t value) = 0;
  virtual void BindBytes(absl::string_view bytes) = 0;
  virtual void BindText(absl::string_view text) = 0;
  virtual void BindNull() = 0;
  virtual bool Next() = 0;
  virtual void Run() = 0;
  // Ends the run: what was bound is let go.
  virtual void End() = 0;
  virtual absl::Status status() const = 0;

  virtual int64_t Int(int column) const = 0;
  virtual absl::string_view Bytes(int column) const = 0;
  virtual bool IsNull(int column) const = 0;
};

class Connection {
 public:
  virtual ~Connection() = default;

  // Runs one or more statements that give no rows. `what` is for the error.
  virtual absl::Status Execute(const char* sql, absl::string_view what) = 0;
  // Rows changed by the last statement that ran.
  virtual int64_t changes() = 0;

 protected:
  friend class Query;

  // The statement that `sql` is, which must be a literal: it is found again by its address. The connection's.
  virtual Statement* Prepare(const char* sql) = 0;
};

// One run of a prepared statement. Parameters are bound in order; bytes are borrowed until the query is destroyed. The
// first failure sticks: later calls do nothing and status() tells.
//
//   Query query(db, "SELECT seq FROM disclosure WHERE partner = ?");
//   query.Bind(partner);
//   while (query.Next()) use(query.Int(0));
//   POSTERN_RETURN_IF_ERROR(query.status());
class Query {
 public:
  // `sql` is a string literal. No two queries of one literal may live at once on one connection. One of many rows lives
  // within a transaction.
  Query(Connection& db, const char* sql, Rows rows = Rows::kFew) : statement_(db.Prepare(sql)) {
    statement_->Begin(rows);
  }
  ~Query() { statement_->End(); }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Query& Bind(int64_t value) {
    statement_->Bind(value);
    return *this;
  }
  Query& Bind(absl::string_view bytes) {
    statement_->BindBytes(bytes);
    return *this;
  }
  Query& BindText(absl::string_view text) {
    statement_->BindText(text);
    return *this;
  }
  Query& BindNull() {
    statement_->BindNull();
    return *this;
  }

  // True if there is a row to read.
  bool Next() { return statement_->Next(); }
  // Runs to the end; for statements whose rows do not matter. A database that is far away may only be told to: what
  // fails then fails the next query that has rows, or the commit.
  absl::Status Run() {
    statement_->Run();
    return statement_->status();
  }
  absl::Status status() const { return statement_->status(); }

  // Columns of the current row, from 0. Views are valid until the next call of Next.
  int64_t Int(int column) const { return statement_->Int(column); }
  absl::string_view Bytes(int column) const { return statement_->Bytes(column); }
  std::string String(int column) const { return std::string(Bytes(column)); }
  bool IsNull(int column) const { return statement_->IsNull(column); }

 private:
  Statement* const statement_;
};

}  // namespace postern::storage
