#include "client/ctl/bundle_file.h"

#include "client/ctl/source_folder.h"
#include "policy/language/diagnostic_message.h"

namespace postern::client::ctl {

policy::BundleSources SourcesOf(const v1::PolicyBundle& bundle) {
  policy::BundleSources sources;
  sources.descriptor_set = bundle.descriptor_set();
  for (const auto& file : bundle.files()) sources.files.push_back({file.name(), file.text()});
  return sources;
}

std::shared_ptr<const policy::CompiledBundle> CompileSources(Session& session, const policy::BundleSources& sources) {
  policy::CompileResult result = policy::Compile(sources);
  session.out().Diagnostics(policy::ToMessage(result.diagnostics));
  return result.bundle;
}

std::shared_ptr<const policy::CompiledBundle> CompileFolder(Session& session, const std::string& directory,
                                                            int* exit_code) {
  const auto folder = ReadSourceFolder(directory);
  if (!folder.ok()) {
    *exit_code = session.Fail(folder.status());
    return nullptr;
  }
  auto bundle = CompileSources(session, folder->sources);
  if (bundle == nullptr) *exit_code = kDifferences;
  return bundle;
}

}  // namespace postern::client::ctl
