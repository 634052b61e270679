#include "tests/unit/policy/bundle/bundle_files.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "tests/source_tree/source_tree.h"

namespace postern::policy {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << "cannot read " << path;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace

std::string ReadSourceFile(const std::string& path) {
  return ReadFile(testing::SourceTreePath(path));
}

std::vector<std::string> ListSourceFolder(const std::string& path) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(testing::SourceTreePath(path)))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string RetailDescriptorSet() {
  return ReadFile(POSTERN_RETAIL_SET);
}

std::string TestDescriptorSet() {
  return ReadFile(POSTERN_POLICY_TEST_SET);
}

BundleSources RetailSources() {
  BundleSources sources;
  sources.descriptor_set = RetailDescriptorSet();
  for (const char* name : {"catalogue.txtpb", "privacy_policy.txtpb"}) {
    sources.files.push_back({name, ReadSourceFile(std::string("policy/retail/") + name)});
  }
  for (const std::string& name : ListSourceFolder("policy/retail/contracts")) {
    sources.files.push_back({"contracts/" + name, ReadSourceFile("policy/retail/contracts/" + name)});
  }
  return sources;
}

std::shared_ptr<const CompiledBundle> RetailBundle() {
  CompileResult result = Compile(RetailSources());
  EXPECT_EQ(Text(result.diagnostics), "");
  return result.bundle;
}

std::string Text(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) text += ToString(diagnostic) + "\n";
  return text;
}

void ExpectGolden(const std::string& name, const std::string& actual) {
  const std::string path = testing::SourceTreePath("tests/golden/policy/" + name);
  if (std::getenv("POSTERN_REGENERATE_GOLDENS") != nullptr) {
    std::ofstream(path, std::ios::binary) << actual;
    return;
  }
  EXPECT_EQ(ReadFile(path), actual) << "golden " << path << "; POSTERN_REGENERATE_GOLDENS=1 writes it";
}

}  // namespace postern::policy
