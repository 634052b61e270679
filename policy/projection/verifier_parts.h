// The messages whose parts the verifier knows by name: map entries, dates, amounts.
#pragma once

#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>

#include "absl/strings/string_view.h"
#include "policy/projection/record_view.h"
#include "policy/projection/verifier_values.h"

namespace postern::policy {

// The key of a map entry as text; an absent one is the zero of its type.
std::string KeyOf(const RecordView& entry, const google::protobuf::FieldDescriptor& key);
// The wire form of a map's value field that holds its default.
std::string DefaultField(const google::protobuf::FieldDescriptor& value);

// `fragments` of a message of `type`; a part that is absent is zero.
DateFields DateOf(const google::protobuf::Descriptor& type, const std::vector<absl::string_view>& fragments);
MoneyFields MoneyOf(const google::protobuf::Descriptor& type, const std::vector<absl::string_view>& fragments);

}  // namespace postern::policy
