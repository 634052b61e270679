// A TLS server that takes one connection and reads whatever comes.
#pragma once

#include <string>
#include <thread>

#include "client/pki/authority.h"

namespace postern::delivery {

class TlsSink {
 public:
  // Listens on a loopback port of its own, with that certificate.
  explicit TlsSink(const client::KeyPairPem& pair);
  ~TlsSink();

  const std::string& address() const { return address_; }

 private:
  std::string address_;
  int listener_ = -1;
  std::thread thread_;
};

}  // namespace postern::delivery
