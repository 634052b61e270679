#include "server/storage/postgres/connection.h"

#include <poll.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/errors/error.h"
#include "server/storage/postgres/dialect.h"
#include "server/storage/postgres/failure.h"

namespace postern::storage {
namespace {

// Rows that a query of many brings into memory at once.
constexpr char kFetch[] = "FETCH 64 FROM ";
// What is sent before its results are read. Each result is some ten bytes.
constexpr size_t kMaxSent = 256;
// What the server's own timeout is given on top.
constexpr absl::Duration kTimeoutMargin = absl::Seconds(1);

// Plans that follow from the statements and the indexes alone: every query here has an index that gives its rows in
// their order, and statistics of tables that fill and empty all the time are never right.
constexpr char kPlans[] =
    " -c jit=off -c enable_seqscan=off -c enable_bitmapscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
    " -c join_collapse_limit=1";

// Enough of a statement to recognise it; literals only, so nothing of a row can be in it.
std::string Name(absl::string_view sql) {
  return std::string(sql.substr(0, 48));
}

uint64_t BigEndian(absl::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

void Ignore(void*, const PGresult*) {}

}  // namespace

// --- PostgresStatement

void PostgresStatement::Begin(Rows rows) {
  rows_ = rows;
  ran_ = false;
  row_ = -1;
  parameters_.clear();
  result_.reset();
}

void PostgresStatement::Bind(int64_t value) {
  Parameter& parameter = parameters_.emplace_back();
  parameter.type = kInt8;
  auto bits = static_cast<uint64_t>(value);
  for (int i = 7; i >= 0; --i, bits >>= 8) parameter.number[i] = static_cast<char>(bits);
  parameter.bytes = absl::string_view(parameter.number, sizeof(parameter.number));
}

void PostgresStatement::BindNull() {
  parameters_.emplace_back().null = true;
}

void PostgresStatement::BindTyped(Oid type, absl::string_view bytes) {
  Parameter& parameter = parameters_.emplace_back();
  parameter.type = type;
  parameter.bytes = bytes;
}

PostgresStatement::Arguments PostgresStatement::MakeArguments() const {
  Arguments arguments;
  for (const Parameter& parameter : parameters_) {
    arguments.types.push_back(parameter.type);
    // A null pointer is NULL, and an empty view may hold one.
    const char* const value = parameter.bytes.empty() ? "" : parameter.bytes.data();
    arguments.values.push_back(parameter.null ? nullptr : value);
    arguments.lengths.push_back(static_cast<int>(parameter.bytes.size()));
    arguments.formats.push_back(1);
  }
  return arguments;
}

bool PostgresStatement::Next() {
  if (!ran_) {
    ran_ = true;
    if (rows_ == Rows::kMany) {
      connection_.SendText(absl::StrCat("DECLARE ", name_, " NO SCROLL CURSOR FOR ", ToPostgres(sql_)), MakeArguments(),
                           {.what = sql_});
      cursor_open_ = true;
      if (!Fetch()) return false;
    } else {
      connection_.SendStatement(*this, /*read=*/true);
      if (!connection_.Sync().ok()) return false;
    }
  }
  if (!connection_.status().ok() || result_ == nullptr) return false;
  if (++row_ < PQntuples(result_.get())) return true;
  return rows_ == Rows::kMany && PQntuples(result_.get()) > 0 && Fetch() && ++row_ < PQntuples(result_.get());
}

bool PostgresStatement::Fetch() {
  connection_.SendText(absl::StrCat(kFetch, name_), {}, {.what = sql_, .reader = this});
  row_ = -1;
  return connection_.Sync().ok();
}

void PostgresStatement::Run() {
  if (ran_) {
    while (Next()) {
    }
    return;
  }
  ran_ = true;
  connection_.SendStatement(*this, /*read=*/false);
}

void PostgresStatement::End() {
  if (cursor_open_) connection_.SendText(absl::StrCat("CLOSE ", name_), {}, {.what = "CLOSE"});
  cursor_open_ = false;
  parameters_.clear();
  result_.reset();
}

absl::Status PostgresStatement::status() const {
  return connection_.status();
}

int64_t PostgresStatement::Int(int column) const {
  const absl::string_view bytes = Bytes(column);
  const uint64_t value = BigEndian(bytes);
  // int2 and int4 carry their sign in fewer bits.
  if (bytes.size() == 2) return static_cast<int16_t>(value);
  if (bytes.size() == 4) return static_cast<int32_t>(value);
  return static_cast<int64_t>(value);
}

absl::string_view PostgresStatement::Bytes(int column) const {
  return {PQgetvalue(result_.get(), row_, column), static_cast<size_t>(PQgetlength(result_.get(), row_, column))};
}

bool PostgresStatement::IsNull(int column) const {
  return PQgetisnull(result_.get(), row_, column) != 0;
}

// --- PostgresConnection

absl::StatusOr<std::unique_ptr<PostgresConnection>> PostgresConnection::Open(const SessionOptions& options) {
  const std::string timeout = absl::StrCat(absl::ToInt64Seconds(options.connect_timeout));
  const std::string settings = absl::StrCat(
      "-c search_path=", options.schema, " -c client_encoding=UTF8 -c datestyle=ISO -c statement_timeout=",
      absl::ToInt64Milliseconds(options.statement_timeout),
      " -c idle_in_transaction_session_timeout=", absl::ToInt64Milliseconds(options.statement_timeout), kPlans);
  // The first is expanded to all that it says; what follows overrides it.
  const std::array<const char*, 5> keys = {"dbname", "application_name", "connect_timeout", "options", nullptr};
  const std::array<const char*, 5> values = {options.conninfo.c_str(), options.application_name.c_str(),
                                             timeout.c_str(), settings.c_str(), nullptr};
  PgConn connection(PQconnectdbParams(keys.data(), values.data(), /*expand_dbname=*/1));
  if (connection == nullptr || PQstatus(connection.get()) != CONNECTION_OK) return PostgresFailed("connect", "");
  PQsetNoticeReceiver(connection.get(), Ignore, nullptr);
  PQsetErrorVerbosity(connection.get(), PQERRORS_SQLSTATE);
  if (PQsetnonblocking(connection.get(), 1) != 0 || PQenterPipelineMode(connection.get()) != 1) {
    return PostgresFailed("set up a session", "");
  }
  return std::unique_ptr<PostgresConnection>(
      new PostgresConnection(std::move(connection), options.statement_timeout + kTimeoutMargin));
}

PostgresStatement* PostgresConnection::Find(const char* sql) {
  std::unique_ptr<PostgresStatement>& statement = statements_[sql];
  if (statement == nullptr) {
    statement = std::make_unique<PostgresStatement>(*this, sql, absl::StrCat("s", statements_.size()));
  }
  return statement.get();
}

void PostgresConnection::SendStatement(PostgresStatement& statement, bool read) {
  if (!status_.ok()) return;
  const PostgresStatement::Arguments arguments = statement.MakeArguments();
  const auto count = static_cast<int>(arguments.types.size());
  if (!statement.prepared_) {
    if (PQsendPrepare(connection_.get(), statement.name_.c_str(), ToPostgres(statement.sql_).c_str(), count,
                      arguments.types.data()) != 1) {
      return Fail(statement.sql_, "");
    }
    sent_.push_back({.what = statement.sql_});
    statement.prepared_ = true;
  }
  if (PQsendQueryPrepared(connection_.get(), statement.name_.c_str(), count, arguments.values.data(),
                          arguments.lengths.data(), arguments.formats.data(), /*resultFormat=*/1) != 1) {
    return Fail(statement.sql_, "");
  }
  sent_.push_back({.what = statement.sql_, .reader = read ? &statement : nullptr, .counts = true});
  if (!read && sent_.size() >= kMaxSent) Sync().IgnoreError();  // it sticks
}

void PostgresConnection::SendText(const std::string& sql, const PostgresStatement::Arguments& arguments, Sent sent) {
  if (!status_.ok()) return;
  if (PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(arguments.types.size()),
                        arguments.types.data(), arguments.values.data(), arguments.lengths.data(),
                        arguments.formats.data(), /*resultFormat=*/1) != 1) {
    return Fail(sent.what, "");
  }
  sent_.push_back(sent);
}

void PostgresConnection::Send(const char* sql) {
  SendText(sql, {}, {.what = sql});
}

absl::Status PostgresConnection::Execute(const char* sql, absl::string_view what) {
  POSTERN_RETURN_IF_ERROR(Sync());
  // Several statements at once are the simple protocol's, which a pipeline has not.
  if (PQexitPipelineMode(connection_.get()) != 1 || PQsendQuery(connection_.get(), sql) != 1) {
    Fail(what, "");
    return status_;
  }
  deadline_ = absl::Now() + timeout_;
  while (const PgResult result = TakeResult()) {
    const ExecStatusType code = PQresultStatus(result.get());
    if (code != PGRES_COMMAND_OK && code != PGRES_TUPLES_OK) {
      const char* const state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
      Fail(what, state == nullptr ? "" : state);
    }
  }
  if (status_.ok() && PQenterPipelineMode(connection_.get()) != 1) Fail(what, "");
  return status_;
}

int64_t PostgresConnection::changes() {
  Sync().IgnoreError();  // it sticks
  return changes_;
}

absl::Status PostgresConnection::Sync() {
  if (!status_.ok() || sent_.empty()) return status_;
  if (PQpipelineSync(connection_.get()) != 1) Fail(sent_.front().what, "");
  deadline_ = absl::Now() + timeout_;
  const char* failed = nullptr;
  std::string state_of_failure;
  for (const Sent& sent : sent_) {
    if (!status_.ok()) return status_;
    PgResult result = TakeResult();
    if (result == nullptr) {
      if (status_.ok()) Fail(sent.what, "");
      return status_;
    }
    const ExecStatusType code = PQresultStatus(result.get());
    if (code == PGRES_COMMAND_OK || code == PGRES_TUPLES_OK) {
      if (sent.counts) changes_ = std::strtoll(PQcmdTuples(result.get()), nullptr, 10);
      if (sent.reader != nullptr) sent.reader->result_ = std::move(result);
    } else if (failed == nullptr && code != PGRES_PIPELINE_ABORTED) {
      const char* const state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
      state_of_failure = state == nullptr ? "" : state;
      failed = sent.what;
    }
    if (PQstatus(connection_.get()) == CONNECTION_BAD) break;
    TakeResult();  // the null that ends the results of one statement
  }
  if (failed != nullptr) {
    Fail(failed, state_of_failure);
  } else if (status_.ok()) {
    const PgResult end = TakeResult();
    if (end == nullptr || PQresultStatus(end.get()) != PGRES_PIPELINE_SYNC) Fail("synchronise", "");
  }
  sent_.clear();
  return status_;
}

PgResult PostgresConnection::TakeResult() {
  if (!WaitForServer()) return nullptr;
  return PgResult(PQgetResult(connection_.get()));
}

bool PostgresConnection::WaitForServer() {
  PGconn* const connection = connection_.get();
  while (true) {
    const int left_to_send = PQflush(connection);
    if (left_to_send < 0) break;
    if (left_to_send == 0 && PQisBusy(connection) == 0) return true;
    const absl::Duration rest = deadline_ - absl::Now();
    if (rest <= absl::ZeroDuration()) {
      Fail("wait for the server", "57014");
      return false;
    }
    pollfd ready{PQsocket(connection), static_cast<short>(left_to_send != 0 ? POLLIN | POLLOUT : POLLIN), 0};
    const int polled = poll(&ready, 1, static_cast<int>(absl::ToInt64Milliseconds(rest)) + 1);
    if (polled < 0 && errno != EINTR) break;
    if (polled > 0 && PQconsumeInput(connection) != 1) {
      // What the server said before it went tells why; without it the session is simply lost.
      if (PQisBusy(connection) == 0) return true;
      break;
    }
  }
  Fail("reach the server", "");
  return false;
}

void PostgresConnection::Fail(absl::string_view what, absl::string_view state) {
  if (!status_.ok()) return;
  sql_state_ = std::string(state);
  status_ = PostgresFailed(Name(what), state);
}

}  // namespace postern::storage
