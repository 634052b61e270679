// A PostgreSQL server for tests: in a folder of its own, on a Unix socket, gone with the object. Needs Debian's
// postgresql; a test that cannot have it fails.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace postern::testing {

class PostgresServer {
 public:
  // Makes a cluster and starts it. As root the server runs as the user postgres, because it refuses root.
  PostgresServer();
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // One for the whole process, started when it is first asked for.
  static PostgresServer& OfProcess();

  // For libpq.
  std::string Conninfo(const std::string& database = "postgres") const;
  // The folder of the socket.
  const std::string& folder() const { return folder_; }

  void Start();
  // SIGKILL to the postmaster and to its children, which would go on answering until they notice.
  void Kill();
  // As `pg_ctl stop -m immediate`: no checkpoint, recovery at the next start.
  void StopAtOnce();

  // Runs SQL as the superuser; the first column of its rows. Fails the test where the SQL fails.
  std::vector<std::string> Run(const std::string& sql, const std::string& database = "postgres") const;

 private:
  void End(int signal);

  std::string folder_;
  pid_t postmaster_ = -1;
};

}  // namespace postern::testing
