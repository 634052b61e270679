#include "client/pki/dev_pki.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/pki/authority.h"
#include "proto/errors/error.h"

namespace postern::client {
namespace {

namespace fs = std::filesystem;

absl::Status CannotWrite(const std::string& path) {
  return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, absl::StrCat("cannot write ", path), {{"file", path}});
}

absl::Status WriteFile(const std::string& path, const std::string& content, mode_t mode) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return CannotWrite(path);
  const bool ok = ::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size());
  return ::close(fd) == 0 && ok ? absl::OkStatus() : CannotWrite(path);
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream content;
  content << in.rdbuf();
  return content.str();
}

absl::Status WritePair(const std::string& stem, const KeyPairPem& pem) {
  POSTERN_RETURN_IF_ERROR(WriteFile(absl::StrCat(stem, ".key"), pem.private_key, 0600));
  return WriteFile(absl::StrCat(stem, ".crt"), pem.certificate, 0644);
}

// Writes the pieces of one folder tree.
class Writer {
 public:
  Writer(const DevPkiOptions& options, absl::Time now)
      : root_(options.directory),
        not_before_(now - absl::Hours(1)),
        not_after_(now + absl::Hours(24) * options.valid_days) {}

  absl::Status Folder(const std::string& folder) {
    std::error_code error;
    fs::create_directories(absl::StrCat(root_, "/", folder), error);
    if (error) return CannotWrite(absl::StrCat(root_, "/", folder));
    return ::chmod(root_.c_str(), 0700) == 0 ? absl::OkStatus() : CannotWrite(root_);
  }

  absl::StatusOr<Authority> Ca(const std::string& stem, const std::string& common_name) {
    const std::string path = absl::StrCat(root_, "/", stem);
    if (fs::exists(absl::StrCat(path, ".crt"))) {
      return Authority::Load({ReadFile(absl::StrCat(path, ".crt")), ReadFile(absl::StrCat(path, ".key"))});
    }
    POSTERN_ASSIGN_OR_RETURN(Authority ca, Authority::Create(common_name, not_before_, not_after_));
    POSTERN_ASSIGN_OR_RETURN(const KeyPairPem pem, ca.Pem());
    POSTERN_RETURN_IF_ERROR(WritePair(path, pem));
    return ca;
  }

  absl::Status Leaf(const Authority& ca, const std::string& stem, std::vector<std::string> names, bool server) {
    const std::string path = absl::StrCat(root_, "/", stem);
    if (fs::exists(absl::StrCat(path, ".crt"))) return absl::OkStatus();
    CertificateRequest request{std::move(names), server, !server, not_before_, not_after_};
    POSTERN_ASSIGN_OR_RETURN(const KeyPairPem pem, ca.Issue(request));
    return WritePair(path, pem);
  }

  absl::Status SigningKey(const std::string& stem) {
    const std::string path = absl::StrCat(root_, "/", stem);
    if (fs::exists(absl::StrCat(path, ".key"))) return absl::OkStatus();
    POSTERN_ASSIGN_OR_RETURN(const SigningKeyPem pem, NewSigningKey(SigningAlgorithm::kEd25519));
    POSTERN_RETURN_IF_ERROR(WriteFile(absl::StrCat(path, ".key"), pem.private_key, 0600));
    return WriteFile(absl::StrCat(path, ".pub"), pem.public_key, 0644);
  }

 private:
  const std::string root_;
  const absl::Time not_before_;
  const absl::Time not_after_;
};

const std::vector<std::string>& LocalNames() {
  static const auto* const names = new std::vector<std::string>{"localhost", "127.0.0.1"};
  return *names;
}

}  // namespace

absl::Status WriteDevPki(const DevPkiOptions& options, absl::Time now) {
  Writer writer(options, now);
  for (const char* folder : {"gateway", "shop", "operators", "partners"})
    POSTERN_RETURN_IF_ERROR(writer.Folder(folder));

  POSTERN_ASSIGN_OR_RETURN(const Authority gateway, writer.Ca("gateway/ca", "Postern development gateway CA"));
  POSTERN_RETURN_IF_ERROR(writer.Leaf(gateway, "gateway/server", LocalNames(), true));
  POSTERN_RETURN_IF_ERROR(writer.Leaf(gateway, "gateway/client", {"spiffe://postern.dev/gateway"}, false));
  POSTERN_RETURN_IF_ERROR(writer.Ca("gateway/enrolment-ca", "Postern development enrolment CA").status());

  POSTERN_ASSIGN_OR_RETURN(const Authority shop, writer.Ca("shop/ca", "Shop development CA"));
  POSTERN_RETURN_IF_ERROR(writer.Leaf(shop, "shop/client", {"spiffe://shop.dev/storefront"}, false));

  POSTERN_ASSIGN_OR_RETURN(const Authority operators, writer.Ca("operators/ca", "Operators development CA"));
  for (const std::string& name : options.operators) {
    POSTERN_RETURN_IF_ERROR(writer.Leaf(operators, absl::StrCat("operators/", name),
                                        {absl::StrCat("spiffe://shop.dev/operators/", name)}, false));
  }
  for (const std::string& id : options.partners) {
    const std::string folder = absl::StrCat("partners/", id);
    POSTERN_RETURN_IF_ERROR(writer.Folder(folder));
    POSTERN_ASSIGN_OR_RETURN(const Authority ca,
                             writer.Ca(absl::StrCat(folder, "/ca"), absl::StrCat(id, " development CA")));
    POSTERN_RETURN_IF_ERROR(
        writer.Leaf(ca, absl::StrCat(folder, "/client"), {absl::StrCat("spiffe://", id, ".dev/client")}, false));
    POSTERN_RETURN_IF_ERROR(writer.Leaf(ca, absl::StrCat(folder, "/server"), LocalNames(), true));
    POSTERN_RETURN_IF_ERROR(writer.SigningKey(absl::StrCat(folder, "/attestation")));
  }
  return absl::OkStatus();
}

}  // namespace postern::client
