#include "server/gateway/allocator.h"

#ifdef POSTERN_JEMALLOC
#include <jemalloc/jemalloc.h>

#include "absl/strings/str_cat.h"

// Read by jemalloc before main. One arena behind small caches of the threads: more of either only keep more pages.
extern "C" const char* malloc_conf =
    "narenas:1,tcache_nslots_small_max:50,tcache_nslots_large:8,dirty_decay_ms:1000,muzzy_decay_ms:0";
#endif

namespace postern::gateway {

void ReturnFreedMemory() {
#ifdef POSTERN_JEMALLOC
  mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0);
  mallctl(absl::StrCat("arena.", MALLCTL_ARENAS_ALL, ".purge").c_str(), nullptr, nullptr, nullptr, 0);
#endif
}

}  // namespace postern::gateway
