// Compiles the bundle of a folder for the offline commands.
#pragma once

#include <memory>
#include <string>

#include "client/ctl/session.h"
#include "policy/language/compiler.h"

namespace postern::client::ctl {

// Null after printing the diagnostics or the error; `exit_code` then says how to end. Warnings are printed too.
std::shared_ptr<const policy::CompiledBundle> CompileFolder(Session& session, const std::string& directory,
                                                            int* exit_code);

}  // namespace postern::client::ctl
