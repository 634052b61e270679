// A partner's own schema: the shop's, pruned to what its contract grants.
#pragma once

#include <string>
#include <vector>

#include <google/protobuf/descriptor.pb.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/language/compiler.h"

namespace postern::policy {

// The record types that the contract grants, with the fields it grants, in the files, packages, messages and numbers of
// the shop. Nothing else of the shop's schema is in it: no other field or message, no comment, no option but those the
// wire format depends on. A message type that is granted at several places has the fields of all of them.
// google.protobuf types come whole. Links by itself. Errors: NOT_FOUND if the bundle has no such contract.
absl::StatusOr<google::protobuf::FileDescriptorSet> ExportSchema(const CompiledBundle& bundle,
                                                                 absl::string_view contract);

struct ProtoFile {
  std::string path;  // "shop/v1/shipment.proto"
  std::string text;
};
// The same as .proto files, in the order of the set; google.protobuf files are left out, every protobuf compiler has
// them.
absl::StatusOr<std::vector<ProtoFile>> SchemaText(const google::protobuf::FileDescriptorSet& set);

}  // namespace postern::policy
