// A naive check of what the projector refuses and libprotobuf does not: varints that are not minimal, and text that is
// no UTF-8 in string fields that are marked deprecated.
#pragma once

#include <google/protobuf/descriptor.h>

#include "absl/strings/string_view.h"

namespace postern::policy::testing {

// True if every varint at the levels that `type` declares, and in groups, takes as few bytes as it can.
bool IsStrict(const google::protobuf::Descriptor& type, absl::string_view bytes);

}  // namespace postern::policy::testing
