// Rounds of crashes on one gateway's data, by loss of power in this process and by kill -9 of the real one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/storage/store.h"
#include "tests/crash/evidence.h"
#include "tests/postgres/postgres_server.h"
#include "tests/support/test_gateway.h"

namespace postern::testing {

struct Report {
  int64_t rounds = 0;     // with work in flight when the crash came
  int64_t uncounted = 0;  // others; they are checked all the same
  int64_t acknowledged = 0;
  int64_t handed = 0;
  int64_t checkpoints = 0;
  int64_t restarts_failed = 0;  // the gateway did not come back by itself
  int64_t undelivered = 0;      // acknowledged to the shop, and not to be had by the carrier in the end
  Verdict verdict;
  std::map<std::string, int64_t> boundaries;  // crashes by where they came

  bool good() const { return verdict.good() && restarts_failed == 0 && undelivered == 0; }
};

// Which store a gateway has.
enum class StoreKind { kSqlite, kPostgres };

// A gateway's folder whose data can be put back to its beginning: two carriers and a payment partner, the retail bundle
// in force, nothing disclosed. On PostgreSQL it has a server of its own.
class CrashSite {
 public:
  explicit CrashSite(StoreKind kind);
  ~CrashSite();

  TestGateway& gateway() { return *gateway_; }
  // Null on SQLite.
  PostgresServer* server() { return server_.get(); }
  // Puts the beginning back. No process has the data.
  void Reset();
  // Compares the ledger as it lies there with the evidence, on a copy, so that recovery is left to the gateway.
  Verdict Compare(const Evidence& evidence);
  // The ledger itself. No process has it.
  absl::StatusOr<std::unique_ptr<storage::Store>> OpenLedger() const;

 private:
  absl::StatusOr<std::unique_ptr<storage::Store>> OpenCopy();

  const std::unique_ptr<PostgresServer> server_;
  std::unique_ptr<TestGateway> gateway_;
};

// A crash site's data is used for so many rounds, then put back.
inline constexpr int kRoundsAGeneration = 25;

// Loses power `rounds` times at a random change of the disk under a whole core in this process.
void RunPowerCuts(CrashSite& site, int rounds, uint64_t seed, Report* report);

// Kills a real posternd `rounds` times: at system calls and failpoints in turn, and at random moments. On PostgreSQL
// its server is killed with it every other time.
void RunKills(CrashSite& site, int rounds, uint64_t seed, Report* report);

}  // namespace postern::testing
