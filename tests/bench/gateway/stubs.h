// Several channels to one peer: callers and streams are spread over them.
#pragma once

#include <cstdlib>
#include <iostream>
#include <memory>
#include <vector>

#include <grpcpp/client_context.h>

#include "client/transport/channel.h"

namespace postern::bench {

// Ends the program where a file of `endpoint` cannot be read.
template <typename Service>
class Stubs {
 public:
  Stubs(const client::Endpoint& endpoint, int channels) {
    for (int i = 0; i < channels; ++i) {
      auto channel = client::Connect(endpoint);
      if (!channel.ok()) {
        std::cerr << channel.status().message() << "\n";
        std::exit(2);
      }
      stubs_.push_back(Service::NewStub(*channel));
    }
  }
  typename Service::StubInterface& For(int i) { return *stubs_[static_cast<size_t>(i) % stubs_.size()]; }

 private:
  std::vector<std::unique_ptr<typename Service::StubInterface>> stubs_;
};

// What must live until a unary call is answered.
template <typename Request, typename Response>
struct Call {
  grpc::ClientContext context;
  Request request;
  Response response;
};

}  // namespace postern::bench
