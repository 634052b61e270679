#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/storage/postgres/postgres_store.h"
#include "server/storage/sqlite/sqlite_store.h"
#include "tests/crash/load.h"
#include "tests/crash/rounds.h"

namespace postern::testing {
namespace fs = std::filesystem;
namespace {

// Waits until the sessions of a gateway that was killed have ended, which is when what they were doing is done or not.
void CopyDatabase(const PostgresServer& server, const std::string& from, const std::string& to) {
  const std::string sessions = absl::StrCat("SELECT count(*) FROM pg_stat_activity WHERE datname = '", from, "'");
  while (server.Run(sessions).at(0) != "0") absl::SleepFor(absl::Milliseconds(5));
  server.Run(absl::StrCat("DROP DATABASE IF EXISTS ", to, " WITH (FORCE)"));
  server.Run(absl::StrCat("CREATE DATABASE ", to, " TEMPLATE ", from));
}

absl::StatusOr<std::unique_ptr<storage::Store>> OpenDatabase(const PostgresServer& server, const std::string& name) {
  storage::PostgresStoreOptions options;
  options.conninfo = server.Conninfo(name);
  return storage::OpenPostgresStore(options);
}

}  // namespace

CrashSite::CrashSite(StoreKind kind) : server_(kind == StoreKind::kPostgres ? new PostgresServer : nullptr) {
  if (server_ != nullptr) {
    server_->Run("CREATE DATABASE live");
    gateway_ = std::make_unique<TestGateway>(absl::StrCat("store { postgres: \"", server_->Conninfo("live"), "\" }\n"));
  } else {
    gateway_ = std::make_unique<TestGateway>();
  }
  gateway_->Start();
  gateway_->CreatePartner(kCrashCarrier, "logistics");
  gateway_->CreatePartner("nordic-freight", "logistics");
  gateway_->CreatePartner("clear-pay", "payment");
  gateway_->ApplyRetailBundle({kCrashCarrier});
  gateway_->process().Signal(SIGTERM);
  if (gateway_->process().Wait(absl::Seconds(30)) != 0) {
    std::fprintf(stderr, "posternd does not end: %s\n", gateway_->process().Log().c_str());
    std::abort();
  }
  fs::copy(gateway_->data_dir(), gateway_->Path("beginning"), fs::copy_options::recursive);
  if (server_ != nullptr) CopyDatabase(*server_, "live", "beginning");
}

CrashSite::~CrashSite() = default;

void CrashSite::Reset() {
  fs::remove_all(gateway_->data_dir());
  fs::copy(gateway_->Path("beginning"), gateway_->data_dir(), fs::copy_options::recursive);
  if (server_ != nullptr) CopyDatabase(*server_, "beginning", "live");
}

absl::StatusOr<std::unique_ptr<storage::Store>> CrashSite::OpenLedger() const {
  if (server_ != nullptr) return OpenDatabase(*server_, "live");
  storage::SqliteStoreOptions options;
  options.directory = gateway_->data_dir() + "/ledger";
  return storage::OpenSqliteStore(options);
}

absl::StatusOr<std::unique_ptr<storage::Store>> CrashSite::OpenCopy() {
  if (server_ != nullptr) {
    CopyDatabase(*server_, "live", "copy");
    return OpenDatabase(*server_, "copy");
  }
  const std::string copy = gateway_->Path("copy");
  fs::remove_all(copy);
  fs::create_directory(copy);
  fs::permissions(copy, fs::perms::owner_all);
  for (const char* file : {"ledger.db", "ledger.db-wal"}) {
    const std::string from = gateway_->data_dir() + "/ledger/" + file;
    if (fs::exists(from)) fs::copy(from, copy + "/" + file);
  }
  storage::SqliteStoreOptions options;
  options.directory = copy;
  return storage::OpenSqliteStore(options);
}

Verdict CrashSite::Compare(const Evidence& evidence) {
  const auto store = OpenCopy();
  if (!store.ok()) {
    std::fprintf(stderr, "the ledger does not open: %s\n", store.status().ToString().c_str());
    Verdict verdict;
    verdict.damaged = 1;
    return verdict;
  }
  return evidence.Compare(**store);
}

}  // namespace postern::testing
