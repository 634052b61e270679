// libprotobuf's own way: parse, FieldMaskUtil::TrimMessage, serialise.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <google/protobuf/arena.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/field_mask.pb.h>

#include "absl/strings/string_view.h"

namespace postern::bench {

// Generated classes on an arena whose first block is kept from record to record; the mask is made once.
class GeneratedPeer {
 public:
  explicit GeneratedPeer(const std::vector<std::string>& paths);
  // False if the record does not parse.
  bool Parse(absl::string_view record);
  bool Project(absl::string_view record, std::string* out);

 private:
  const google::protobuf::FieldMask mask_, item_mask_;
  std::vector<char> block_;
};

// The same by reflection, as a gateway that does not know the schema at build time would.
class DynamicPeer {
 public:
  explicit DynamicPeer(const std::vector<std::string>& paths);
  bool Project(absl::string_view record, std::string* out);

 private:
  const google::protobuf::FieldMask mask_, item_mask_;
  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_;
  std::unique_ptr<google::protobuf::Message> message_;
  const google::protobuf::FieldDescriptor* items_ = nullptr;
};

}  // namespace postern::bench
