// The shop's side of the bare stream.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "postern/bench/v1/forward_service.grpc.pb.h"
#include "tests/bench/gateway/stubs.h"

namespace postern::bench {

// Thread-safe.
class BareShop {
 public:
  // `records` are serialised postern.v1.DeliveredRecords: what partners have received from Postern.
  BareShop(const client::Endpoint& endpoint, const std::vector<std::string>& records);

  // Writes `records` records, `batch` a message, to the partners carrier-1 to carrier-`partners` in turns. Returns how
  // many were taken.
  int64_t Write(int partners, int64_t records, int batch);

 private:
  Stubs<v1::ForwardService> stubs_;
  std::vector<std::string> responses_;  // of one record each; behind one another they are a response of several
};

}  // namespace postern::bench
