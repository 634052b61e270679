// Counts heap allocations of the process, through operator new.
#pragma once

#include <cstdint>

namespace postern::bench {

// Allocations so far.
uint64_t HeapAllocations();

}  // namespace postern::bench
