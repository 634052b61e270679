// Reads the delimited fields of a message whose form a walk has checked before.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "policy/projection/wire.h"

namespace postern::policy {

// Calls `each(number, content)` for every delimited field of `message`, known or not, in order of occurrence; steps
// over all others. `message` is well-formed at its own level; the content, which points into it, need not be.
template <typename Each>
void ForEachDelimited(absl::string_view message, Each&& each) {
  const char* p = message.data();
  const char* const end = p + message.size();
  bool too_deep = false;
  while (p != end) {
    uint32_t tag = 0;
    p = wire::ReadTag(p, end, &tag);
    if (wire::TypeOf(tag) != wire::kDelimited) {
      p = wire::SkipValue(tag, p, end, 0, &too_deep);
      continue;
    }
    uint64_t size = 0;
    p = wire::ReadLength(p, end, &size);
    each(wire::NumberOf(tag), absl::string_view(p, size));
    p += size;
  }
}

}  // namespace postern::policy
