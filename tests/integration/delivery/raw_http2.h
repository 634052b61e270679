// An HTTP/2 client that keeps to no rule (RFC 9113, RFC 7541): mutual TLS, and after it whatever bytes it is given.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/support/test_pki.h"

namespace postern::testing {

// RFC 9113, 6.
enum class FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoaway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};
inline constexpr uint8_t kEndStream = 0x1;
inline constexpr uint8_t kEndHeaders = 0x4;

std::string Frame(FrameType type, uint8_t flags, uint32_t stream, absl::string_view payload);
// "PRI * HTTP/2.0..." and empty SETTINGS.
std::string ConnectionPreface();
// The header block of a gRPC call of "/package.Service/Method", as literals that touch no table.
std::string GrpcHeaders(absl::string_view method);
// The five bytes before a gRPC message: compressed or not, and its length.
std::string GrpcPrefix(bool compressed, uint32_t length);

// What every connection of one partner has in common. Thread-safe.
class RawTls {
 public:
  // Verifies no server: it is ours.
  explicit RawTls(const KeyPairPem& identity);
  ~RawTls();
  void* context() const { return context_; }

 private:
  void* context_;  // SSL_CTX
};

// One connection. Not thread-safe.
class RawHttp2 {
 public:
  // "127.0.0.1:port". A connection that cannot be made is closed. Without `tls` it is TCP alone.
  RawHttp2(const std::string& address, const RawTls* tls);
  ~RawHttp2();
  RawHttp2(const RawHttp2&) = delete;

  bool open() const { return open_; }
  // Also takes in, and drops, what the server has said. False, and closed, once the server has ended it.
  bool Send(absl::string_view bytes);
  // Says no more, and waits for the server to end the connection. False if it has not within `patience`.
  bool AwaitEnd(absl::Duration patience);

 private:
  void Drain();

  int socket_ = -1;
  void* ssl_ = nullptr;  // SSL
  bool open_ = false;
};

}  // namespace postern::testing
