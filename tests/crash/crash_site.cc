#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "server/storage/sqlite/sqlite_store.h"
#include "tests/crash/load.h"
#include "tests/crash/rounds.h"

namespace postern::testing {
namespace fs = std::filesystem;

CrashSite::CrashSite() {
  gateway_.Start();
  gateway_.CreatePartner(kCrashCarrier, "logistics");
  gateway_.CreatePartner("nordic-freight", "logistics");
  gateway_.CreatePartner("clear-pay", "payment");
  gateway_.ApplyRetailBundle({kCrashCarrier});
  gateway_.process().Signal(SIGTERM);
  if (gateway_.process().Wait(absl::Seconds(30)) != 0) {
    std::fprintf(stderr, "posternd does not end: %s\n", gateway_.process().Log().c_str());
    std::abort();
  }
  fs::copy(gateway_.data_dir(), gateway_.Path("beginning"), fs::copy_options::recursive);
}

CrashSite::~CrashSite() = default;

void CrashSite::Reset() {
  fs::remove_all(gateway_.data_dir());
  fs::copy(gateway_.Path("beginning"), gateway_.data_dir(), fs::copy_options::recursive);
}

Verdict CrashSite::Compare(const Evidence& evidence) {
  const std::string copy = gateway_.Path("copy");
  fs::remove_all(copy);
  fs::create_directory(copy);
  fs::permissions(copy, fs::perms::owner_all);
  for (const char* file : {"ledger.db", "ledger.db-wal"}) {
    const std::string from = gateway_.data_dir() + "/ledger/" + file;
    if (fs::exists(from)) fs::copy(from, copy + "/" + file);
  }
  storage::SqliteStoreOptions options;
  options.directory = copy;
  const auto store = storage::OpenSqliteStore(options);
  if (!store.ok()) {
    std::fprintf(stderr, "the ledger does not open: %s\n", store.status().ToString().c_str());
    Verdict verdict;
    verdict.damaged = 1;
    return verdict;
  }
  return evidence.Compare(**store);
}

}  // namespace postern::testing
