#include "tests/integration/delivery/raw_http2.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace postern::testing {
namespace {

constexpr unsigned char kAlpn[] = {2, 'h', '2'};
constexpr int kSendTimeoutSeconds = 5;

void Put(std::string* out, uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out->push_back(static_cast<char>(value >> (8 * i)));
}

// A literal without indexing, its name and value without Huffman coding; both shorter than 127 bytes.
std::string Literal(absl::string_view name, absl::string_view value) {
  return absl::StrCat(absl::string_view("\0", 1), std::string(1, static_cast<char>(name.size())), name,
                      std::string(1, static_cast<char>(value.size())), value);
}

SSL* Ssl(void* ssl) {
  return static_cast<SSL*>(ssl);
}

}  // namespace

std::string Frame(FrameType type, uint8_t flags, uint32_t stream, absl::string_view payload) {
  std::string frame;
  Put(&frame, payload.size(), 3);
  Put(&frame, static_cast<uint8_t>(type), 1);
  Put(&frame, flags, 1);
  Put(&frame, stream, 4);
  return absl::StrCat(frame, payload);
}

std::string ConnectionPreface() {
  return absl::StrCat("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Frame(FrameType::kSettings, 0, 0, ""));
}

std::string GrpcHeaders(absl::string_view method) {
  return absl::StrCat(Literal(":method", "POST"), Literal(":scheme", "https"), Literal(":path", method),
                      Literal(":authority", "localhost"), Literal("content-type", "application/grpc"),
                      Literal("te", "trailers"));
}

std::string GrpcPrefix(bool compressed, uint32_t length) {
  std::string prefix(1, compressed ? '\1' : '\0');
  Put(&prefix, length, 4);
  return prefix;
}

RawTls::RawTls(const KeyPairPem& identity) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  context_ = context;
  BIO* const certificate = BIO_new_mem_buf(identity.certificate.data(), static_cast<int>(identity.certificate.size()));
  BIO* const key = BIO_new_mem_buf(identity.private_key.data(), static_cast<int>(identity.private_key.size()));
  X509* const leaf = PEM_read_bio_X509(certificate, nullptr, nullptr, nullptr);
  EVP_PKEY* const pkey = PEM_read_bio_PrivateKey(key, nullptr, nullptr, nullptr);
  if (SSL_CTX_use_certificate(context, leaf) != 1 || SSL_CTX_use_PrivateKey(context, pkey) != 1) std::abort();
  SSL_CTX_set_alpn_protos(context, kAlpn, sizeof(kAlpn));
  X509_free(leaf);
  EVP_PKEY_free(pkey);
  BIO_free(certificate);
  BIO_free(key);
}

RawTls::~RawTls() {
  SSL_CTX_free(static_cast<SSL_CTX*>(context_));
}

RawHttp2::RawHttp2(const std::string& address, const RawTls* tls) {
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int port = 0;
  if (!absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port)) return;
  to.sin_port = htons(static_cast<uint16_t>(port));
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval timeout = {kSendTimeoutSeconds, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) return;
  if (tls != nullptr) {
    ssl_ = SSL_new(static_cast<SSL_CTX*>(tls->context()));
    SSL_set_fd(Ssl(ssl_), socket_);
    if (SSL_connect(Ssl(ssl_)) != 1) return;
  }
  open_ = true;
}

RawHttp2::~RawHttp2() {
  SSL_free(Ssl(ssl_));
  if (socket_ >= 0) ::close(socket_);
}

bool RawHttp2::Send(absl::string_view bytes) {
  if (!open_) return false;
  Drain();
  if (!open_ || bytes.empty()) return open_;
  if (ssl_ != nullptr) {
    open_ = SSL_write(Ssl(ssl_), bytes.data(), static_cast<int>(bytes.size())) > 0;
  } else {
    open_ = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }
  return open_;
}

// A blocking read is made only when there is something; a TLS record comes whole sooner or later.
void RawHttp2::Drain() {
  char buffer[16 << 10];
  for (;;) {
    pollfd readable = {socket_, POLLIN, 0};
    if ((ssl_ == nullptr || SSL_pending(Ssl(ssl_)) == 0) && ::poll(&readable, 1, 0) <= 0) return;
    const auto got = ssl_ != nullptr ? SSL_read(Ssl(ssl_), buffer, sizeof(buffer))
                                     : static_cast<int>(::recv(socket_, buffer, sizeof(buffer), 0));
    if (got <= 0) {
      open_ = false;
      return;
    }
  }
}

bool RawHttp2::AwaitEnd(absl::Duration patience) {
  if (socket_ < 0) return true;
  ::shutdown(socket_, SHUT_WR);
  char buffer[16 << 10];
  const absl::Time deadline = absl::Now() + patience;
  while (absl::Now() < deadline) {
    pollfd readable = {socket_, POLLIN, 0};
    if (::poll(&readable, 1, 100) <= 0) continue;
    if (::recv(socket_, buffer, sizeof(buffer), 0) <= 0) return true;
  }
  return false;
}

}  // namespace postern::testing
