#include "server/rpc/tls.h"

#include <fcntl.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/conf.h>
#include <openssl/ssl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/crypto/secret.h"
#include "server/rpc/connection_table.h"

namespace postern::rpc {
namespace {

// Seconds between two looks of gRPC's provider at its file.
constexpr unsigned kRefreshSeconds = 1;

absl::string_view View(grpc::string_ref text) {
  return {text.data(), text.size()};
}

absl::Status MemoryFileError(absl::string_view operation) {
  return absl::InternalError(absl::StrCat(operation, " of a memory file failed: ", std::strerror(errno)));
}

bool WriteFully(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

// Key and chain in one file: both readers skip blocks that are not theirs. The provider reads it twice and takes a
// changed modification time, in seconds, as a sign to read again: so every generation has its own.
absl::StatusOr<UniqueFd> MemoryFile(const identity::KeyPair& pair, int generation) {
  UniqueFd file(memfd_create("postern-tls", MFD_CLOEXEC));
  if (!file.valid()) return MemoryFileError("creation");
  if (!WriteFully(file.get(), pair.private_key_pem.Reveal(crypto::SecretAccess::Granted())) ||
      !WriteFully(file.get(), "\n") || !WriteFully(file.get(), pair.chain_pem)) {
    return MemoryFileError("writing");
  }
  const timespec time{.tv_sec = generation, .tv_nsec = 0};
  const timespec times[2] = {time, time};
  if (futimens(file.get(), times) != 0 || fchmod(file.get(), 0400) != 0) return MemoryFileError("sealing");
  return file;
}

// In the handshake: some trust bundle of the listener vouches for the chain, now.
class ChainVerifier final : public grpc::experimental::ExternalCertificateVerifier {
 public:
  ChainVerifier(identity::Listener listener, identity::PrincipalResolver* resolver, std::function<absl::Time()> clock)
      : listener_(listener), resolver_(resolver), clock_(std::move(clock)) {}

  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request, std::function<void(grpc::Status)>,
              grpc::Status* sync_status) override {
    const absl::Status status =
        resolver_->CheckChain(listener_, {View(request->peer_cert()), View(request->peer_cert_full_chain())}, clock_());
    if (!status.ok()) {
      *sync_status = grpc::Status(grpc::StatusCode::UNAUTHENTICATED, std::string(status.message()));
    }
    return true;
  }
  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest*) override {}

 private:
  const identity::Listener listener_;
  identity::PrincipalResolver* const resolver_;
  const std::function<absl::Time()> clock_;
};

// As in an openssl.cnf. Whatever the system's own says about other things of TLS is replaced with it.
constexpr char kOpenSslConfig[] =
    "openssl_conf = main\n"
    "[main]\n"
    "ssl_conf = ssl\n"
    "[ssl]\n"
    "system_default = tls13\n"
    "[tls13]\n"
    "MinProtocol = TLSv1.3\n"
    "Protocol = -TLSv1.2\n";

}  // namespace

absl::Status RequireTls13() {
  // The system's configuration first, or it would be loaded later and win.
  OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, nullptr);
  OPENSSL_load_builtin_modules();
  const std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new_mem_buf(kOpenSslConfig, -1), &BIO_free);
  const std::unique_ptr<CONF, decltype(&NCONF_free)> config(NCONF_new(nullptr), &NCONF_free);
  if (text == nullptr || config == nullptr || NCONF_load_bio(config.get(), text.get(), nullptr) != 1 ||
      CONF_modules_load(config.get(), nullptr, 0) != 1) {
    return absl::InternalError("OpenSSL does not take its configuration");
  }
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_method()), &SSL_CTX_free);
  if (context == nullptr || (SSL_CTX_get_options(context.get()) & SSL_OP_NO_TLSv1_2) == 0) {
    return absl::InternalError("OpenSSL still speaks TLS 1.2");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ServerIdentity>> ServerIdentity::Create(const identity::KeyPair& pair) {
  absl::StatusOr<UniqueFd> file = MemoryFile(pair, 1);
  if (!file.ok()) return file.status();
  std::unique_ptr<ServerIdentity> out(new ServerIdentity(file->Release(), pair.not_after));
  const std::string path = absl::StrCat("/proc/self/fd/", out->fd_);
  out->provider_ = std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(path, path, kRefreshSeconds);
  return out;
}

ServerIdentity::ServerIdentity(int fd, absl::Time not_after) : fd_(fd), not_after_(not_after) {}

ServerIdentity::~ServerIdentity() {
  provider_.reset();
  close(fd_);
}

absl::Status ServerIdentity::Replace(const identity::KeyPair& pair) {
  absl::MutexLock lock(&mutex_);
  absl::StatusOr<UniqueFd> file = MemoryFile(pair, generation_ + 1);
  if (!file.ok()) return file.status();
  if (dup3(file->get(), fd_, O_CLOEXEC) < 0) return MemoryFileError("replacement");
  ++generation_;
  not_after_ = pair.not_after;
  return absl::OkStatus();
}

absl::Time ServerIdentity::not_after() const {
  absl::MutexLock lock(&mutex_);
  return not_after_;
}

std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(identity::Listener listener,
                                                               const ServerIdentity& server_identity,
                                                               identity::PrincipalResolver* resolver,
                                                               std::function<absl::Time()> clock) {
  grpc::experimental::TlsServerCredentialsOptions options(server_identity.provider());
  options.watch_identity_key_cert_pairs();
  // "Don't verify" is about gRPC's own check; possession of the key is proven, and ChainVerifier judges the chain.
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_BUT_DONT_VERIFY);
  options.set_certificate_verifier(
      grpc::experimental::ExternalCertificateVerifier::Create<ChainVerifier>(listener, resolver, std::move(clock)));
  return grpc::experimental::TlsServerCredentials(options);
}

}  // namespace postern::rpc
