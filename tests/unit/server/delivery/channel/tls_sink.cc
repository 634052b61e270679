#include "tests/unit/server/delivery/channel/tls_sink.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

namespace postern::delivery {
namespace {

SSL_CTX* ContextOf(const client::KeyPairPem& pair) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  BIO* certificate = BIO_new_mem_buf(pair.certificate.data(), static_cast<int>(pair.certificate.size()));
  BIO* key = BIO_new_mem_buf(pair.private_key.data(), static_cast<int>(pair.private_key.size()));
  X509* parsed = PEM_read_bio_X509(certificate, nullptr, nullptr, nullptr);
  EVP_PKEY* parsed_key = PEM_read_bio_PrivateKey(key, nullptr, nullptr, nullptr);
  SSL_CTX_use_certificate(context, parsed);
  SSL_CTX_use_PrivateKey(context, parsed_key);
  X509_free(parsed);
  EVP_PKEY_free(parsed_key);
  BIO_free(certificate);
  BIO_free(key);
  return context;
}

}  // namespace

TlsSink::TlsSink(const client::KeyPairPem& pair) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  listen(listener_, 1);
  address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  thread_ = std::thread([this, context = ContextOf(pair)] {
    const int fd = accept(listener_, nullptr, nullptr);
    if (fd >= 0) {
      SSL* tls = SSL_new(context);
      SSL_set_fd(tls, fd);
      std::vector<char> buffer(16 << 10);
      if (SSL_accept(tls) == 1) {
        while (SSL_read(tls, buffer.data(), static_cast<int>(buffer.size())) > 0) {
        }
      }
      SSL_free(tls);
      close(fd);
    }
    SSL_CTX_free(context);
  });
}

TlsSink::~TlsSink() {
  shutdown(listener_, SHUT_RDWR);  // ends an accept that nobody came to
  thread_.join();
  close(listener_);
}

}  // namespace postern::delivery
