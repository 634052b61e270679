// posternd: the gateway process. --help says what it can be asked to do.
//
// It serves until SIGTERM or SIGINT, which drain; SIGHUP reloads certificates.
#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "server/base/log.h"
#include "server/gateway/allocator.h"
#include "server/gateway/config.h"
#include "server/gateway/gateway.h"
#include "server/gateway/init_keys.h"
#include "server/gateway/progress_line.h"
#include "server/gateway/recovery.h"
#include "server/gateway/store_upkeep.h"

namespace postern {
namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kBadConfig = 3;

struct Arguments {
  std::string config;
  bool check = false;
  bool init_keys = false;
  bool accept_key_loss = false;
  std::optional<std::string> restore;
  std::optional<std::string> recover;
  std::optional<std::string> move_store;
  bool migrate_store = false;
  bool dry_run = false;
};

void AddOptions(CLI::App* app, Arguments* arguments) {
  app->footer("Exit codes: 0 done, 1 failed, 2 usage, 3 configuration.");
  app->add_option("--config", arguments->config, "The configuration, config.proto as text")
      ->required()
      ->type_name("FILE");
  CLI::Option_group* const instead = app->add_option_group("Instead of serving");
  instead->require_option(0, 1);
  instead->add_flag("--check", arguments->check, "Check the configuration and everything it names");
  instead->add_flag("--init-keys", arguments->init_keys, "Make the data directory and the key files that are missing");
  instead
      ->add_option("--restore", arguments->restore,
                   "Put the backup in that folder in place, while no gateway runs; what is there is moved aside")
      ->type_name("BACKUP");
  instead->add_flag("--accept-key-loss", arguments->accept_key_loss,
                    "Go on with a key store that lacks keys of the ledger's records: those records are lost");
  instead
      ->add_option("--recover", arguments->recover,
                   "Give up the audit log of that name and suspend every partner: for a ledger that is behind what "
                   "was published")
      ->type_name("ORIGIN");
  instead
      ->add_option("--move-store", arguments->move_store,
                   "Move the SQLite ledger in that folder, or a backup of it, into the PostgreSQL that the "
                   "configuration names, and verify the copy")
      ->type_name("FROM");
  CLI::Option* const migrate = instead->add_flag("--migrate-store", arguments->migrate_store,
                                                 "Bring the ledger's tables to this release's version");
  app->add_flag("--dry-run", arguments->dry_run, "Only try whether the tables can be brought forward")->needs(migrate);
}

// Keys and records must not reach a core file, nor another process of this user.
void ProtectMemory() {
  umask(077);
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
}

base::LogLevel LevelOf(const gateway::config::Config& config) {
  switch (config.log_level()) {
    case gateway::config::Config::LOG_LEVEL_DEBUG:
      return base::LogLevel::kDebug;
    case gateway::config::Config::LOG_LEVEL_WARNING:
      return base::LogLevel::kWarning;
    case gateway::config::Config::LOG_LEVEL_ERROR:
      return base::LogLevel::kError;
    default:
      return base::LogLevel::kInfo;
  }
}

// gRPC's own messages may quote peers: the log says where one came from, not what it says.
void LogOfGrpc(gpr_log_func_args* args) {
  const absl::string_view file = args->file;
  const base::Logger log(base::LogLevel::kWarning);
  log.Warning("grpc.message",
              {{"file", base::PublicText::Token(file.substr(file.rfind('/') + 1))}, {"line", int64_t{args->line}}});
}

// Debian builds Abseil with its search for lock cycles switched on: every lock of this process, gRPC's included, would
// enter a graph behind one spin lock. Tests keep it.
void StopLockGraph() {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}

// A message that does not parse is its sender's mistake, and its bytes are nobody's business.
void LogOfProtobuf(google::protobuf::LogLevel, const char* file, int line, const std::string&) {
  const absl::string_view path = file;
  const base::Logger log(base::LogLevel::kWarning);
  log.Warning("protobuf.message",
              {{"file", base::PublicText::Token(path.substr(path.rfind('/') + 1))}, {"line", int64_t{line}}});
}

int InitKeys(const gateway::config::Config& config) {
  const auto made = gateway::InitKeys(config);
  if (!made.ok()) {
    std::fprintf(stderr, "posternd: %s\n", std::string(made.status().message()).c_str());
    return kFailed;
  }
  for (const std::string& path : *made) std::printf("made %s\n", path.c_str());
  return kDone;
}

// Prints what was done, also where it was not done to the end.
int Report(absl::FunctionRef<absl::Status(gateway::Steps*)> work) {
  gateway::Steps steps;
  const absl::Status status = work(&steps);
  for (const std::string& step : steps) std::printf("%s\n", step.c_str());
  if (status.ok()) return kDone;
  std::fprintf(stderr, "posternd: %s\n", std::string(status.message()).c_str());
  return kFailed;
}

absl::Status MoveStore(const gateway::config::Config& config, const std::string& from, gateway::Steps* steps) {
  gateway::ProgressLine line(stderr);
  return gateway::MoveStore(
      config, from, absl::Now(),
      [&line](absl::string_view table, int64_t done, int64_t all) { line.Show(table, done, all); }, steps);
}

int Serve(const gateway::config::Config& config) {
  // Before any thread: all of them inherit the mask, and sigwait below gets the signals.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is a full disk, and that is answered and survived
  gpr_set_log_function(&LogOfGrpc);
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
  google::protobuf::SetLogHandler(&LogOfProtobuf);

  const base::Logger log(LevelOf(config));
  auto gateway = gateway::Gateway::Start(config, &log);
  if (!gateway.ok()) {
    log.Error("gateway.failed", {{"error", base::ErrorText(gateway.status())}});
    return kFailed;
  }
  gateway::ReturnFreedMemory();  // what reading policy and stores took for the time
  while (true) {
    int received = 0;
    if (sigwait(&signals, &received) != 0) continue;
    if (received != SIGHUP) break;
    log.Info("gateway.reloading");
    (*gateway)->Reload();
  }
  (*gateway)->Drain();
  return kDone;
}

int Run(const Arguments& arguments) {
  ProtectMemory();
  StopLockGraph();
  const auto config = gateway::LoadConfig(arguments.config);
  if (!config.ok()) {
    std::fprintf(stderr, "posternd: %s\n", std::string(config.status().message()).c_str());
    return kBadConfig;
  }
  if (arguments.init_keys) return InitKeys(*config);
  const std::vector<std::string> findings = gateway::CheckConfig(*config, absl::Now());
  for (const std::string& finding : findings) {
    std::fprintf(stderr, "posternd: %s: %s\n", arguments.config.c_str(), finding.c_str());
  }
  if (!findings.empty()) return kBadConfig;
  if (arguments.check) return kDone;
  if (arguments.restore.has_value()) {
    return Report(
        [&](gateway::Steps* steps) { return gateway::Restore(*config, *arguments.restore, absl::Now(), steps); });
  }
  if (arguments.recover.has_value()) {
    return Report(
        [&](gateway::Steps* steps) { return gateway::Recover(*config, *arguments.recover, absl::Now(), steps); });
  }
  if (arguments.accept_key_loss) {
    return Report([&](gateway::Steps* steps) { return gateway::AcceptKeyLoss(*config, absl::Now(), steps); });
  }
  if (arguments.move_store.has_value()) {
    return Report([&](gateway::Steps* steps) { return MoveStore(*config, *arguments.move_store, steps); });
  }
  if (arguments.migrate_store) {
    return Report([&](gateway::Steps* steps) { return gateway::MigrateStore(*config, arguments.dry_run, steps); });
  }
  return Serve(*config);
}

}  // namespace
}  // namespace postern

int main(int argc, char** argv) {
  CLI::App app("posternd: the gateway between a shop and its partners", "posternd");
  postern::Arguments arguments;
  postern::AddOptions(&app, &arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? postern::kDone : postern::kUsage;
  }
  return postern::Run(arguments);
}
