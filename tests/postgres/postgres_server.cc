#include "tests/postgres/postgres_server.h"

#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace postern::testing {
namespace {

constexpr absl::Duration kStartLimit = absl::Seconds(60);

// Debian keeps a folder for each major version; the store needs 15.
std::string ProgramPath(const std::string& program) {
  for (int version = 30; version >= 15; --version) {
    std::string path = absl::StrCat("/usr/lib/postgresql/", version, "/bin/", program);
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  ADD_FAILURE() << program << " is not installed: deploy/install-deps.sh test installs it";
  return "/bin/false";
}

// The user that the server runs as; null: this one.
const passwd* ServerUser() {
  if (geteuid() != 0) return nullptr;
  const passwd* const user = getpwnam("postgres");
  EXPECT_NE(user, nullptr) << "there is no user postgres: deploy/install-deps.sh test makes it";
  return user;
}

// Starts a program as the server's user; its output goes to a file. It ends with this process.
pid_t Spawn(const std::vector<std::string>& arguments, const std::string& log) {
  const passwd* const user = ServerUser();
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const int output = open(log.c_str(), O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0600);
  const pid_t child = fork();
  if (child != 0) {
    close(output);
    return child;
  }
  // Nothing here may allocate: other threads of the test may hold locks.
  if (user != nullptr && (setgroups(0, nullptr) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) {
    _exit(126);
  }
  prctl(PR_SET_PDEATHSIG, SIGQUIT);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execv(argv[0], argv.data());
  _exit(127);
}

struct Deleter {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
};

std::vector<pid_t> ChildrenOf(pid_t parent) {
  std::ifstream file(absl::StrCat("/proc/", parent, "/task/", parent, "/children"));
  std::vector<pid_t> children;
  for (pid_t child; file >> child;) children.push_back(child);
  return children;
}

}  // namespace

PostgresServer::PostgresServer() {
  // In memory where that is possible: what is tested is the gateway, not the disk. A short path, because that of a
  // socket has at most 107 characters.
  std::string pattern = access("/dev/shm", W_OK) == 0 ? "/dev/shm/postern_pg_XXXXXX" : "/tmp/postern_pg_XXXXXX";
  folder_ = mkdtemp(pattern.data());
  if (const passwd* const user = ServerUser(); user != nullptr) {
    EXPECT_EQ(chown(folder_.c_str(), user->pw_uid, user->pw_gid), 0);
  }
  const pid_t made = Spawn({ProgramPath("initdb"), "--pgdata", folder_ + "/data", "--username", "postgres", "--auth",
                            "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync", "--wal-segsize", "1"},
                           folder_ + "/initdb.log");
  int code = -1;
  waitpid(made, &code, 0);
  EXPECT_EQ(code, 0) << "initdb fails, see " << folder_ << "/initdb.log";
  Start();
}

PostgresServer::~PostgresServer() {
  End(SIGQUIT);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

PostgresServer& PostgresServer::OfProcess() {
  static PostgresServer server;
  return server;
}

std::string PostgresServer::Conninfo(const std::string& database) const {
  return absl::StrCat("host=", folder_, " user=postgres dbname=", database);
}

void PostgresServer::Start() {
  const std::vector<std::string> command = {ProgramPath("postgres"),
                                            "-D",
                                            folder_ + "/data",
                                            "-k",
                                            folder_,
                                            "-c",
                                            "listen_addresses=",
                                            "-c",
                                            "shared_buffers=32MB",
                                            "-c",
                                            "max_connections=60",
                                            "-c",
                                            "max_wal_size=64MB",
                                            "-c",
                                            "min_wal_size=8MB"};
  const absl::Time limit = absl::Now() + kStartLimit;
  const std::string conninfo = Conninfo();
  postmaster_ = Spawn(command, folder_ + "/server.log");
  while (PQping(conninfo.c_str()) != PQPING_OK) {
    if (absl::Now() > limit) {
      ADD_FAILURE() << "the server does not start, see " << folder_ << "/server.log";
      return;
    }
    absl::SleepFor(absl::Milliseconds(10));
    // After the postmaster was killed, a new one refuses to start until the last of its children has noticed.
    if (waitpid(postmaster_, nullptr, WNOHANG) == postmaster_) postmaster_ = Spawn(command, folder_ + "/server.log");
  }
}

void PostgresServer::Kill() {
  const std::vector<pid_t> children = ChildrenOf(postmaster_);
  End(SIGKILL);
  for (const pid_t child : children) kill(child, SIGKILL);
}

void PostgresServer::StopAtOnce() {
  End(SIGQUIT);
}

void PostgresServer::End(int signal) {
  if (postmaster_ <= 0) return;
  kill(postmaster_, signal);
  waitpid(postmaster_, nullptr, 0);
  postmaster_ = -1;
}

std::vector<std::string> PostgresServer::Run(const std::string& sql, const std::string& database) const {
  std::vector<std::string> values;
  const std::unique_ptr<PGconn, Deleter> connection(PQconnectdb(Conninfo(database).c_str()));
  PQsetNoticeProcessor(
      connection.get(), [](void*, const char*) {}, nullptr);
  const std::unique_ptr<PGresult, Deleter> result(PQexec(connection.get(), sql.c_str()));
  const ExecStatusType status = PQresultStatus(result.get());
  EXPECT_TRUE(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
      << sql << ": " << PQerrorMessage(connection.get());
  for (int row = 0; row < PQntuples(result.get()); ++row) values.emplace_back(PQgetvalue(result.get(), row, 0));
  return values;
}

}  // namespace postern::testing
