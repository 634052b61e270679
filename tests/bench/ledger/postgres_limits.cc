#include <libpq-fe.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "tests/bench/ledger/traffic.h"

namespace postern::bench {
namespace {

void Put(uint64_t value, int bytes, std::string* out) {
  for (int i = bytes - 1; i >= 0; --i) out->push_back(static_cast<char>(value >> (8 * i)));
}

class Session {
 public:
  Session(const std::string& conninfo, const std::string& table) : connection_(PQconnectdb(conninfo.c_str())) {
    Run("SET client_min_messages = warning");
    Run(absl::StrCat("DROP TABLE IF EXISTS ", table));
    Run(absl::StrCat("CREATE TABLE ", table, "(seq bigint PRIMARY KEY, row bytea)"));
    Run(absl::StrCat("ALTER TABLE ", table, " ALTER COLUMN row SET STORAGE EXTERNAL"));
  }
  ~Session() { PQfinish(connection_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void Run(const std::string& sql) { Take(PQexec(connection_, sql.c_str())); }
  void Take(PGresult* result) {
    const ExecStatusType status = PQresultStatus(result);
    const bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_COPY_IN;
    PQclear(result);
    if (good) return;
    std::fprintf(stderr, "postgres: %s\n", PQerrorMessage(connection_));
    std::exit(1);
  }
  PGconn* get() { return connection_; }

 private:
  PGconn* const connection_;
};

class InsertLimit : public Limit {
 public:
  explicit InsertLimit(const std::string& conninfo) : session_(conninfo, "limit_insert") {
    constexpr Oid kTypes[] = {1016, 1001};
    session_.Take(
        PQprepare(session_.get(), "insert", "INSERT INTO limit_insert SELECT * FROM unnest($1, $2)", 2, kTypes));
  }

  void Write(size_t rows) override {
    std::string seqs, payloads;
    Begin(20, rows, &seqs);
    Begin(17, rows, &payloads);
    for (size_t i = 0; i < rows; ++i) {
      Put(8, 4, &seqs);
      Put(++seq_, 8, &seqs);
      Put(row_.size(), 4, &payloads);
      payloads += row_;
    }
    const char* const values[] = {seqs.data(), payloads.data()};
    const int lengths[] = {static_cast<int>(seqs.size()), static_cast<int>(payloads.size())};
    constexpr int kBinary[] = {1, 1};
    session_.Take(PQexecPrepared(session_.get(), "insert", 2, values, lengths, kBinary, 1));
  }

 private:
  static void Begin(Oid element, size_t rows, std::string* array) {
    for (const uint64_t field : {uint64_t{1}, uint64_t{0}, uint64_t{element}, uint64_t{rows}, uint64_t{1}}) {
      Put(field, 4, array);
    }
  }

  Session session_;
  uint64_t seq_ = 0;
  const std::string row_ = std::string(kPayloadBytes, 'r');
};

class CopyLimit : public Limit {
 public:
  explicit CopyLimit(const std::string& conninfo) : session_(conninfo, "limit_copy") {}

  void Write(size_t rows) override {
    session_.Run("COPY limit_copy FROM STDIN (FORMAT binary)");
    std::string data("PGCOPY\n\377\r\n\0", 11);
    Put(0, 8, &data);
    for (size_t i = 0; i < rows; ++i) {
      Put(2, 2, &data);
      Put(8, 4, &data);
      Put(++seq_, 8, &data);
      Put(row_.size(), 4, &data);
      data += row_;
    }
    Put(0xffff, 2, &data);
    PQputCopyData(session_.get(), data.data(), static_cast<int>(data.size()));
    PQputCopyEnd(session_.get(), nullptr);
    while (PGresult* result = PQgetResult(session_.get())) session_.Take(result);
  }

 private:
  Session session_;
  uint64_t seq_ = 0;
  const std::string row_ = std::string(kPayloadBytes, 'r');
};

}  // namespace

std::unique_ptr<Limit> PostgresInsert(const std::string& conninfo) {
  return std::make_unique<InsertLimit>(conninfo);
}
std::unique_ptr<Limit> PostgresCopy(const std::string& conninfo) {
  return std::make_unique<CopyLimit>(conninfo);
}

}  // namespace postern::bench
