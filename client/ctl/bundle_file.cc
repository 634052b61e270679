#include "client/ctl/bundle_file.h"

#include <iostream>

#include "client/ctl/source_folder.h"

namespace postern::client::ctl {

std::shared_ptr<const policy::CompiledBundle> CompileFolder(Session& session, const std::string& directory,
                                                            int* exit_code) {
  const auto folder = ReadSourceFolder(directory);
  if (!folder.ok()) {
    *exit_code = session.Fail(folder.status());
    return nullptr;
  }
  policy::CompileResult result = policy::Compile(folder->sources);
  for (const policy::Diagnostic& diagnostic : result.diagnostics) std::cerr << policy::ToString(diagnostic) << "\n";
  if (result.bundle == nullptr) *exit_code = kDifferences;
  return result.bundle;
}

}  // namespace postern::client::ctl
