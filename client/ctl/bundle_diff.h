// The difference between the bundle that a gateway has in force and that of a folder, field by field.
#pragma once

#include <string>

#include "client/ctl/source_folder.h"
#include "google/protobuf/struct.pb.h"
#include "proto/postern/v1/partner.pb.h"

namespace postern::client::ctl {

struct BundleDifference {
  bool differs = false;  // in a single byte
  std::string text;      // for people
  google::protobuf::Struct json;
};

// `current` without files: there is none yet. `compiled` is what the folder's sources compile to.
BundleDifference CompareBundles(const v1::PolicyBundle& current, const SourceFolder& folder,
                                const policy::CompiledBundle& compiled);

}  // namespace postern::client::ctl
