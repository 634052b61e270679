#include "tests/bench/projection/heap_count.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

std::atomic<uint64_t> allocations{0};

void* Allocate(size_t size, size_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* const at = alignment <= alignof(std::max_align_t)
                       ? std::malloc(size == 0 ? 1 : size)
                       : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (at == nullptr) std::abort();
  return at;
}

}  // namespace

void* operator new(size_t size) {
  return Allocate(size, 1);
}
void* operator new[](size_t size) {
  return Allocate(size, 1);
}
void* operator new(size_t size, std::align_val_t alignment) {
  return Allocate(size, static_cast<size_t>(alignment));
}
void* operator new[](size_t size, std::align_val_t alignment) {
  return Allocate(size, static_cast<size_t>(alignment));
}
void operator delete(void* at) noexcept {
  std::free(at);
}
void operator delete[](void* at) noexcept {
  std::free(at);
}
void operator delete(void* at, size_t) noexcept {
  std::free(at);
}
void operator delete[](void* at, size_t) noexcept {
  std::free(at);
}
void operator delete(void* at, std::align_val_t) noexcept {
  std::free(at);
}
void operator delete[](void* at, std::align_val_t) noexcept {
  std::free(at);
}
void operator delete(void* at, size_t, std::align_val_t) noexcept {
  std::free(at);
}
void operator delete[](void* at, size_t, std::align_val_t) noexcept {
  std::free(at);
}

namespace postern::bench {

uint64_t HeapAllocations() {
  return allocations.load(std::memory_order_relaxed);
}

}  // namespace postern::bench
