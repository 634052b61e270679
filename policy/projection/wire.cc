#include "policy/projection/wire.h"

#include <array>

namespace postern::policy::wire {
namespace {

const char* SkipGroup(uint32_t number, const char* p, const char* end, int depth, bool* too_deep) {
  std::array<uint32_t, kMaxDepth> open;
  int nested = 0;
  open[nested++] = number;
  while (nested > 0) {
    if (depth + nested > kMaxDepth) {
      *too_deep = true;
      return nullptr;
    }
    uint32_t tag;
    p = ReadTag(p, end, &tag);
    if (p == nullptr) return nullptr;
    if (TypeOf(tag) == kEndGroup) {
      if (NumberOf(tag) != open[--nested]) return nullptr;
    } else if (TypeOf(tag) == kStartGroup) {
      if (nested == kMaxDepth) {
        *too_deep = true;
        return nullptr;
      }
      open[nested++] = NumberOf(tag);
    } else {
      p = SkipValue(tag, p, end, depth, too_deep);
      if (p == nullptr) return nullptr;
    }
  }
  return p;
}

}  // namespace

const char* SkipValue(uint32_t tag, const char* p, const char* end, int depth, bool* too_deep) {
  uint64_t value;
  switch (TypeOf(tag)) {
    case kVarint:
    case kFixed32:
    case kFixed64:
      return ReadScalar(TypeOf(tag), p, end, &value);
    case kDelimited:
      p = ReadLength(p, end, &value);
      return p == nullptr ? nullptr : p + value;
    case kStartGroup:
      return depth >= kMaxDepth ? (*too_deep = true, nullptr) : SkipGroup(NumberOf(tag), p, end, depth, too_deep);
    case kEndGroup:
      return nullptr;  // ends nothing here
  }
  return nullptr;
}

}  // namespace postern::policy::wire
