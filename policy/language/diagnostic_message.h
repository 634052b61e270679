// Diagnostics as the API and the command line hand them on.
#pragma once

#include <vector>

#include "policy/language/diagnostic.h"
#include "proto/postern/v1/operator_service.pb.h"

namespace postern::policy {

v1::PolicyDiagnostics ToMessage(const std::vector<Diagnostic>& diagnostics);

}  // namespace postern::policy
