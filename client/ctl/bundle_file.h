// Compiles bundles on this side, and shows what the compiler says.
#pragma once

#include <memory>
#include <string>

#include "client/ctl/session.h"
#include "policy/language/compiler.h"
#include "proto/postern/v1/partner.pb.h"

namespace postern::client::ctl {

policy::BundleSources SourcesOf(const v1::PolicyBundle& bundle);

// Null if `sources` do not compile. All diagnostics are printed, warnings too.
std::shared_ptr<const policy::CompiledBundle> CompileSources(Session& session, const policy::BundleSources& sources);
// The bundle of a folder. Null after printing the diagnostics or the error; `exit_code` then says how to end.
std::shared_ptr<const policy::CompiledBundle> CompileFolder(Session& session, const std::string& directory,
                                                            int* exit_code);

}  // namespace postern::client::ctl
