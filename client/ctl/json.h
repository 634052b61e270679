// JSON values for results that are no API message, on protobuf's own Struct.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/ctl/output.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"

namespace postern::client::ctl {

inline void Set(google::protobuf::Struct& object, const std::string& key, absl::string_view value) {
  (*object.mutable_fields())[key].set_string_value(std::string(value));
}
inline void Set(google::protobuf::Struct& object, const std::string& key, bool value) {
  (*object.mutable_fields())[key].set_bool_value(value);
}
inline void Set(google::protobuf::Struct& object, const std::string& key, const std::vector<std::string>& values) {
  auto& list = *(*object.mutable_fields())[key].mutable_list_value();
  for (const std::string& value : values) list.add_values()->set_string_value(value);
}
// The fields of a message, as they are printed.
inline google::protobuf::Struct FromMessage(const google::protobuf::Message& message) {
  google::protobuf::Struct object;
  // What was printed is JSON.
  static_cast<void>(google::protobuf::util::JsonStringToMessage(ToJson(message), &object));
  return object;
}
// A new object at the end of the list under `key`.
inline google::protobuf::Struct& Append(google::protobuf::Struct& object, const std::string& key) {
  return *(*object.mutable_fields())[key].mutable_list_value()->add_values()->mutable_struct_value();
}

}  // namespace postern::client::ctl
