// pki dev, pki csr: certificates for development, and the partner's half of enrolment.
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/ctl/commands.h"
#include "client/pki/authority.h"
#include "client/pki/dev_pki.h"
#include "proto/errors/error.h"

namespace postern::client::ctl {
namespace {

absl::Status WriteNew(const std::string& path, const std::string& content, mode_t mode) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  bool ok = fd >= 0 && ::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size());
  if (fd >= 0) ok = ::close(fd) == 0 && ok;
  if (ok) return absl::OkStatus();
  return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, absl::StrCat("cannot write new file ", path), {{"file", path}});
}

int Csr(Session& session, const std::string& name, const std::string& stem) {
  const auto pem = NewEnrolmentRequest(name);
  if (!pem.ok()) return session.Fail(pem.status());
  absl::Status status = WriteNew(absl::StrCat(stem, ".key"), pem->private_key, 0600);
  if (status.ok()) status = WriteNew(absl::StrCat(stem, ".csr"), pem->certificate_request, 0644);
  if (!status.ok()) return session.Fail(status);
  session.out().Note(absl::StrCat("wrote ", stem, ".key and ", stem, ".csr"));
  return kOk;
}

}  // namespace

void AddPkiCommands(CLI::App& app, Session& session) {
  CLI::App* pki = app.add_subcommand("pki", "Certificates for development; enrolment requests")->require_subcommand(1);
  const auto options = std::make_shared<DevPkiOptions>();
  CLI::App* dev = pki->add_subcommand("dev", "Write a development CA and certificates for everyone into a folder");
  dev->add_option("directory", options->directory, "Where; existing files are kept")->required();
  dev->add_option("--partner", options->partners, "Partner id; may be repeated");
  dev->add_option("--operator", options->operators, "Operator name; may be repeated");
  dev->add_option("--days", options->valid_days, "Validity")->check(CLI::Range(1, 3650));
  session.OnRun(dev, [&session, options] {
    const absl::Status status = WriteDevPki(*options, absl::Now());
    if (!status.ok()) return session.Fail(status);
    session.out().Note(absl::StrCat("development certificates are in ", options->directory));
    return static_cast<int>(kOk);
  });

  const auto name = std::make_shared<std::string>();
  const auto stem = std::make_shared<std::string>();
  CLI::App* csr = pki->add_subcommand("csr", "Make a key and a certificate request for enrolment");
  csr->add_option("name", *name, "SPIFFE URI or DNS name")->required();
  csr->add_option("--out", *stem, "Writes STEM.key and STEM.csr")->required();
  session.OnRun(csr, [&session, name, stem] { return Csr(session, *name, *stem); });
}

}  // namespace postern::client::ctl
