// store move|migrate: what needs the ledger's own files. posternd does it, as a command of its own; here it is found,
// run, and its answer passed on.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/ctl/commands.h"
#include "proto/errors/error.h"

namespace postern::client::ctl {
namespace {

// posternd's exit codes (server/main.cc).
constexpr int kPosterndDone = 0;
constexpr int kPosterndFailed = 1;

// Beside this program, where both were installed; else by the PATH.
std::string FindPosternd() {
  char self[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", self, sizeof(self));
  if (size <= 0) return "posternd";
  const std::string path(self, static_cast<size_t>(size));
  const std::string beside = absl::StrCat(path.substr(0, path.rfind('/') + 1), "posternd");
  return access(beside.c_str(), X_OK) == 0 ? beside : "posternd";
}

int RunPosternd(Session& session, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), FindPosternd());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  if (const int error = posix_spawnp(&child, argv[0], nullptr, nullptr, argv.data(), environ); error != 0) {
    return session.Fail(
        MakeError(v1::ERROR_REASON_NOT_FOUND, absl::StrCat("cannot run ", arguments.front(), ": errno ", error)));
  }
  int state = 0;
  while (waitpid(child, &state, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(state)) return kRefused;
  if (WEXITSTATUS(state) == kPosterndDone) return kOk;
  return WEXITSTATUS(state) == kPosterndFailed ? kRefused : kUsage;
}

}  // namespace

void AddStoreCommands(CLI::App& store, Session& session) {
  const auto config = std::make_shared<std::string>();
  const auto from = std::make_shared<std::string>();
  CLI::App* move = store.add_subcommand(
      "move", "Move a SQLite ledger into PostgreSQL and verify it; on the gateway's host, with the gateway stopped");
  move->add_option("--gateway-config", *config, "Its configuration file, whose store is the PostgreSQL")->required();
  move->add_option("--from", *from, "Folder of the ledger, or of a backup of it")->required();
  session.OnRun(move, [&session, config, from] {
    return RunPosternd(session, {"--config", *config, "--move-store", *from});
  });

  const auto dry_run = std::make_shared<bool>(false);
  CLI::App* migrate = store.add_subcommand(
      "migrate",
      "Bring the ledger's tables to this release's version; on the gateway's host, with the gateway stopped");
  migrate->add_option("--gateway-config", *config, "Its configuration file")->required();
  migrate->add_flag("--dry-run", *dry_run, "Try it and change nothing");
  session.OnRun(migrate, [&session, config, dry_run] {
    std::vector<std::string> arguments = {"--config", *config, "--migrate-store"};
    if (*dry_run) arguments.push_back("--dry-run");
    return RunPosternd(session, arguments);
  });
}

}  // namespace postern::client::ctl
