// A folder of policy files as `apply`, `diff` and the offline policy commands read it.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "policy/language/compiler.h"
#include "proto/postern/v1/partner.pb.h"

namespace postern::client::ctl {

// Layout: one or more *.binpb (FileDescriptorSets, added up), and *.txtpb in any subfolder. A .txtpb whose header says
// postern.v1.Partner is a partner; every other one belongs to the bundle. In partner files a PEM field whose value
// begins with "@" names a file, relative to the partner file.
struct SourceFolder {
  policy::BundleSources sources;
  std::vector<v1::Partner> partners;
  v1::PolicyBundle ToBundle() const;
};

// INVALID_ARGUMENT names the file.
absl::StatusOr<SourceFolder> ReadSourceFolder(const std::string& directory);

// INVALID_ARGUMENT with metadata "file" if it cannot be read.
absl::StatusOr<std::string> ReadFile(const std::string& path);

}  // namespace postern::client::ctl
