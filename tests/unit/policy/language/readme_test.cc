// The examples in policy/README.md are compiled: a block with a header is a file of one bundle, a block without is a
// contract's delivery, or a list of field grants for a carrier's delivery of shop.v1.Shipment.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/unit/policy/bundle/bundle_files.h"

namespace postern::policy {
namespace {

struct Examples {
  std::vector<std::string> files;
  std::vector<std::string> deliveries;
  std::vector<std::string> fragments;
};

Examples ReadExamples() {
  const std::string readme = ReadSourceFile("policy/README.md");
  Examples examples;
  const std::string open = "```textproto\n";
  for (size_t at = readme.find(open); at != std::string::npos; at = readme.find(open, at)) {
    at += open.size();
    const std::string block = readme.substr(at, readme.find("```", at) - at);
    (absl::StartsWith(block, "# proto-message:") ? examples.files
     : absl::StartsWith(block, "delivery {")     ? examples.deliveries
                                                 : examples.fragments)
        .push_back(block);
  }
  return examples;
}

CompileResult CompileExamples(const std::vector<std::string>& files) {
  BundleSources sources;
  sources.descriptor_set = RetailDescriptorSet();
  for (size_t i = 0; i < files.size(); ++i) sources.files.push_back({absl::StrCat("README block ", i + 1), files[i]});
  return Compile(sources);
}

TEST(ReadmeTest, TheExampleBundleCompiles) {
  const Examples examples = ReadExamples();
  EXPECT_GE(examples.files.size(), 3u);
  const CompileResult result = CompileExamples(examples.files);
  EXPECT_NE(result.bundle, nullptr);
  EXPECT_EQ(Text(result.diagnostics), "");
}

TEST(ReadmeTest, TheChannelsCompile) {
  const Examples examples = ReadExamples();
  EXPECT_GE(examples.deliveries.size(), 2u);
  for (const std::string& delivery : examples.deliveries) {
    BundleSources sources = RetailSources();
    for (TextSource& file : sources.files) {
      if (file.name != "contracts/swift-parcel.txtpb") continue;
      const size_t from = file.text.find("\ndelivery {") + 1;
      file.text.replace(from, file.text.find('\n', from) - from, delivery);
    }
    const CompileResult result = Compile(sources);
    EXPECT_NE(result.bundle, nullptr) << delivery << Text(result.diagnostics);
  }
}

TEST(ReadmeTest, TheFieldGrantsCompile) {
  const Examples examples = ReadExamples();
  EXPECT_GE(examples.fragments.size(), 2u);
  BundleSources base = RetailSources();
  for (const std::string& fragment : examples.fragments) {
    BundleSources sources = base;
    for (TextSource& file : sources.files) {
      if (file.name != "contracts/swift-parcel.txtpb") continue;
      const size_t from = file.text.find("fields {"), to = file.text.find("\n}\n\ndelivery");
      file.text.replace(from, to - from, absl::StrCat("fields { path: \"reference\" }\n", fragment));
    }
    const CompileResult result = Compile(sources);
    EXPECT_NE(result.bundle, nullptr) << fragment << Text(result.diagnostics);
  }
}

}  // namespace
}  // namespace postern::policy
