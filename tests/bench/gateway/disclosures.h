// Disclosing the records of a benchmark.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "proto/postern/v1/storefront_service.grpc.pb.h"
#include "tests/bench/gateway/records.h"
#include "tests/bench/gateway/stubs.h"
#include "tests/bench/gateway/unary_load.h"

namespace postern::bench {

using PosternStubs = Stubs<postern::v1::StorefrontService>;

// A new record to all of `partners`, for delivery. Resource names, at most 8.
void FillDisclosure(Records& records, const std::vector<std::string>& partners,
                    postern::v1::CreateDisclosureRequest& request);

// CreateDisclosure of a new record to `partner`, a resource name.
UnaryCall DiscloseCall(PosternStubs& stubs, Records& records, const std::string& partner);
// BatchCreateDisclosures of `batch` of them.
UnaryCall DiscloseBatchCall(PosternStubs& stubs, Records& records, const std::string& partner, int batch);

// Records on their way on one stream.
inline constexpr int kStreamWindow = 1024;

struct DiscloseLoad {
  int streams = 1;
  int batch = 1;  // records a message
  // To whom the records of the next message go. Called from several threads, once a message.
  std::function<std::vector<std::string>()> partners;
  // Whether one more message is to be sent. Called from several threads, before each message.
  std::function<bool()> more;
};

// Streams batches of records until `more` is false; waits for the last answers. A record counts if every target's
// disclosure was authorised.
LoadResult DiscloseStreams(PosternStubs& stubs, Records& records, const DiscloseLoad& load);

}  // namespace postern::bench
