// Every bad input beside the diagnostics it must give: tests/golden/policy/bad/*.txtpb and *.expected.
#include <gtest/gtest.h>

#include "tests/unit/policy/bundle/bundle_files.h"

namespace postern::policy {
namespace {

constexpr char kFolder[] = "tests/golden/policy/bad";

std::vector<std::string> Cases() {
  std::vector<std::string> cases;
  for (const std::string& name : ListSourceFolder(kFolder)) {
    const size_t dot = name.rfind(".txtpb");
    if (dot != std::string::npos) cases.push_back(name.substr(0, dot));
  }
  return cases;
}

// The case stands in a sound bundle: it takes the place of the privacy policy if it is one, and joins catalogue and
// policy otherwise.
CompileResult CompileCase(const std::string& name) {
  const std::string text = ReadSourceFile(std::string(kFolder) + "/" + name + ".txtpb");
  BundleSources sources;
  sources.descriptor_set = TestDescriptorSet();
  if (text.find("# proto-message: postern.v1.PrivacyPolicy") == std::string::npos) {
    sources.files.push_back({"privacy_policy.txtpb", ReadSourceFile("policy/retail/privacy_policy.txtpb")});
    sources.files.push_back({"catalogue.txtpb", ReadSourceFile("policy/retail/catalogue.txtpb")});
    sources.files.push_back({"legacy.txtpb", ReadSourceFile("tests/golden/policy/schema/legacy.txtpb")});
  }
  sources.files.push_back({name + ".txtpb", text});
  return Compile(sources);
}

class BadInput : public testing::TestWithParam<std::string> {};

// Clause: P1.1a, P1.2a, P1.2b, P1.4a, P1.4b, P1.4c, W1.2b, W1.2c, W5d
TEST_P(BadInput, GivesItsDiagnostics) {
  const CompileResult result = CompileCase(GetParam());
  EXPECT_FALSE(result.diagnostics.empty());
  EXPECT_EQ(result.bundle == nullptr, HasErrors(result.diagnostics));
  ExpectGolden("bad/" + GetParam() + ".expected", Text(result.diagnostics));
}

// Every diagnostic about a case names its file and a line in it.
TEST_P(BadInput, SaysWhere) {
  for (const Diagnostic& diagnostic : CompileCase(GetParam()).diagnostics) {
    EXPECT_EQ(diagnostic.location.file.empty(), false);
    if (diagnostic.location.file == GetParam() + ".txtpb")
      EXPECT_GT(diagnostic.location.line, 0) << ToString(diagnostic);
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, BadInput, testing::ValuesIn(Cases()), [](const auto& info) { return info.param; });

}  // namespace
}  // namespace postern::policy
