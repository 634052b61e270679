#include "tests/bench/gateway/stream_load.h"

namespace postern::bench {

LoadResult Sum(const std::vector<LoadResult>& results, absl::Time start) {
  LoadResult sum;
  sum.elapsed = absl::Now() - start;
  for (const LoadResult& result : results) {
    sum.records += result.records;
    sum.errors += result.errors;
  }
  return sum;
}

}  // namespace postern::bench
