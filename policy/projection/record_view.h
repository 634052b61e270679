// The verifier's own reading of a message: slow, allocating, obvious. Shares nothing with the projector's walks.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>

#include "absl/strings/string_view.h"

namespace postern::policy {

// One value as it stands on the wire. For messages and groups `fragments` holds what is to be concatenated.
struct ViewedValue {
  uint64_t number = 0;
  absl::string_view bytes;
  std::vector<absl::string_view> fragments;
};

// What a parser would hold after parsing a message: of singular fields the last value, of oneofs the last member.
class RecordView {
 public:
  // `valid()` is false if the bytes are not well-formed at this level.
  RecordView(const google::protobuf::Descriptor& type, const std::vector<absl::string_view>& fragments);

  bool valid() const { return valid_; }
  // In order of occurrence; at most one for a singular field. Packed runs are taken apart. An implicit zero is a value
  // here.
  const std::vector<ViewedValue>& Values(const google::protobuf::FieldDescriptor& field) const;
  // True if some bytes belong to no declared field.
  bool has_unknown() const { return has_unknown_; }
  // Numbers of oneof members that occur on the wire and were overtaken by another member.
  const std::set<int>& superseded() const { return superseded_; }
  // True if some bytes are a value that another took the place of: of a singular field, or in a oneof.
  bool has_superseded() const { return has_superseded_; }
  const std::map<int, std::vector<ViewedValue>>& fields() const { return fields_; }

 private:
  bool ReadFragment(absl::string_view fragment);
  bool ReadField(uint32_t tag, absl::string_view* rest);
  void Add(const google::protobuf::FieldDescriptor& field, ViewedValue value);

  const google::protobuf::Descriptor& type_;
  std::map<int, std::vector<ViewedValue>> fields_;
  std::set<int> superseded_;
  const std::vector<ViewedValue> none_;
  bool valid_ = true;
  bool has_unknown_ = false;
  bool has_superseded_ = false;
};

// True if `field` is a closed enum (a proto2 file's) that does not have that value: to a parser it is an unknown field.
bool IsUnknownEnum(const google::protobuf::FieldDescriptor& field, uint64_t number);

// The value as text: numbers in decimal, enums by number, bool as 0 or 1, strings and bytes as they are.
std::string TextOf(const google::protobuf::FieldDescriptor& field, const ViewedValue& value);

}  // namespace postern::policy
