// One PostgreSQL session, in libpq's pipeline mode: statements whose rows nobody asked for are sent and not waited for,
// until something is read or the transaction ends. Not thread-safe: whoever owns a session guards it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/storage/postgres/array.h"
#include "server/storage/postgres/result.h"
#include "server/storage/sql/connection.h"

namespace postern::storage {

// How a session is opened.
struct SessionOptions {
  std::string conninfo;  // libpq's; no password
  std::string schema;    // [a-z_][a-z0-9_]*: becomes the search path
  std::string application_name;
  absl::Duration connect_timeout = absl::Seconds(5);
  // Of one statement, at the server; what the server does not answer within it and a second more counts as lost.
  absl::Duration statement_timeout = absl::Seconds(30);
};

class PostgresConnection;

// One prepared statement of a session.
class PostgresStatement final : public Statement {
 public:
  PostgresStatement(PostgresConnection& connection, const char* sql, std::string name)
      : connection_(connection), sql_(sql), name_(std::move(name)) {}

  void Begin(Rows rows) override;
  void Bind(int64_t value) override;
  void BindBytes(absl::string_view bytes) override { BindTyped(kBytea, bytes); }
  void BindText(absl::string_view text) override { BindTyped(kText, text); }
  void BindNull() override;
  void BindTyped(Oid type, absl::string_view bytes);
  bool Next() override;
  void Run() override;
  void End() override;
  absl::Status status() const override;

  int64_t Int(int column) const override;
  absl::string_view Bytes(int column) const override;
  bool IsNull(int column) const override;

 private:
  friend class PostgresConnection;
  struct Parameter {
    Oid type = 0;
    absl::string_view bytes;  // of `number` where its data is null
    bool null = false;
    char number[8] = {};
  };
  // What goes to PQsendQueryPrepared; points into parameters_.
  struct Arguments {
    std::vector<Oid> types;
    std::vector<const char*> values;
    std::vector<int> lengths;
    std::vector<int> formats;
  };
  Arguments MakeArguments() const;
  bool Fetch();

  PostgresConnection& connection_;
  const char* const sql_;
  const std::string name_;
  bool prepared_ = false;
  Rows rows_ = Rows::kFew;
  bool ran_ = false;
  bool cursor_open_ = false;
  std::deque<Parameter> parameters_;  // stays where it is while it grows
  PgResult result_;
  int row_ = -1;
};

class PostgresConnection final : public Connection {
 public:
  // LEDGER_UNAVAILABLE.
  static absl::StatusOr<std::unique_ptr<PostgresConnection>> Open(const SessionOptions& options);
  PostgresConnection(const PostgresConnection&) = delete;
  PostgresConnection& operator=(const PostgresConnection&) = delete;

  // Waits for what was sent before.
  absl::Status Execute(const char* sql, absl::string_view what) override;
  int64_t changes() override;

  // Sends one statement without parameters, such as BEGIN; its failure is that of the next Sync.
  void Send(const char* sql);
  // Waits for everything that was sent. The first failure sticks: the session is then of no more use.
  absl::Status Sync();
  // OK while the session can be used.
  const absl::Status& status() const { return status_; }
  // Of the failure; empty where the session was lost.
  const std::string& sql_state() const { return sql_state_; }
  int backend_pid() const { return PQbackendPID(connection_.get()); }

  // For statements with parameters of other types than Query has.
  PostgresStatement* Find(const char* sql);

 private:
  friend class PostgresStatement;
  // Something was sent and its result not read.
  struct Sent {
    const char* what = nullptr;
    PostgresStatement* reader = nullptr;  // who wants the rows; null: nobody
    bool counts = false;                  // changes() is about it
  };

  PostgresConnection(PgConn connection, absl::Duration timeout)
      : connection_(std::move(connection)), timeout_(timeout) {}

  Statement* Prepare(const char* sql) override { return Find(sql); }
  void SendStatement(PostgresStatement& statement, bool read);
  void SendText(const std::string& sql, const PostgresStatement::Arguments& arguments, Sent sent);
  // The next result; null where there is none or the session is lost, which status() tells.
  PgResult TakeResult();
  bool WaitForServer();
  void Fail(absl::string_view what, absl::string_view state);

  const PgConn connection_;
  const absl::Duration timeout_;
  absl::Status status_;
  std::string sql_state_;
  absl::Time deadline_ = absl::InfiniteFuture();
  std::deque<Sent> sent_;
  int64_t changes_ = 0;
  absl::flat_hash_map<const void*, std::unique_ptr<PostgresStatement>> statements_;
};

// As Query, with arrays.
class ArrayQuery {
 public:
  ArrayQuery(PostgresConnection& db, const char* sql) : statement_(db.Find(sql)) { statement_->Begin(Rows::kFew); }
  ~ArrayQuery() { statement_->End(); }
  ArrayQuery(const ArrayQuery&) = delete;
  ArrayQuery& operator=(const ArrayQuery&) = delete;

  ArrayQuery& Bind(ArrayParameter& array) {
    statement_->BindTyped(array.type(), array.Encoded());
    return *this;
  }
  bool Next() { return statement_->Next(); }
  absl::Status Run() {
    statement_->Run();
    return statement_->status();
  }
  absl::Status status() const { return statement_->status(); }
  const Statement& row() const { return *statement_; }

 private:
  PostgresStatement* const statement_;
};

}  // namespace postern::storage
