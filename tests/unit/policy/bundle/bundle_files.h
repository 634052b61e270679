// The shipped retail bundle for tests, and golden files.
#pragma once

#include <string>
#include <vector>

#include "policy/language/compiler.h"

namespace postern::policy {

// A file of the source tree; fails the test if it cannot be read.
std::string ReadSourceFile(const std::string& path);
// Names of the files in a folder of the source tree, sorted.
std::vector<std::string> ListSourceFolder(const std::string& path);

// Serialised descriptor sets: the retail schema, and the same with tests/golden/policy/schema.
std::string RetailDescriptorSet();
std::string TestDescriptorSet();

// policy/retail as it is shipped.
BundleSources RetailSources();
// The retail bundle compiled; fails the test if there is any error.
std::shared_ptr<const CompiledBundle> RetailBundle();
// Diagnostics a line each.
std::string Text(const std::vector<Diagnostic>& diagnostics);

// Compares with a golden file below tests/golden/policy. POSTERN_REGENERATE_GOLDENS=1 writes it instead.
void ExpectGolden(const std::string& name, const std::string& actual);

}  // namespace postern::policy
