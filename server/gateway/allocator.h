// The allocator of the gateway's process is jemalloc (https://jemalloc.net), or a sanitizer's own. With that of the C
// library, calls of 64 callers take more time per record, and pages are given back only to be asked for again.
#pragma once

namespace postern::gateway {

// Gives pages that hold nothing any more back to the system. Thread-safe; it costs time: for the end of a start, not
// for the way of a call. Under a sanitizer it does nothing.
void ReturnFreedMemory();

}  // namespace postern::gateway
