// Any text is a layer of the policy, and any bytes are a descriptor set: compiling gives a bundle or at least one
// error, and whatever compiles can be reported on and projects without a finding of the verifier. Input: one byte that
// picks the layer, then its text, which joins or replaces what a sound bundle has.
#include <cstdio>
#include <cstdlib>
#include <string>

#include <google/protobuf/stubs/logging.h>

#include "policy/report/diff.h"
#include "policy/report/export_schema.h"
#include "policy/report/lint.h"
#include "policy/report/render.h"
#include "policy/report/sharing_scope.h"
#include "tests/unit/policy/bundle/bundle_files.h"
#include "tests/unit/policy/projection/test_schema.h"

namespace {

using namespace postern::policy;  // NOLINT(google-build-using-namespace): a fuzz target is one function

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "compiler fuzzer: %s\n", what);
  std::abort();
}

// A bundle of the test schema, with the smallest catalogue and policy that a contract can stand on.
BundleSources SoundSources() {
  BundleSources sources;
  sources.descriptor_set = TestDescriptorSet();
  sources.files = {{"privacy_policy.txtpb", ReadSourceFile("policy/retail/privacy_policy.txtpb")},
                   {"catalogue.txtpb", ReadSourceFile("policy/retail/catalogue.txtpb")},
                   {"contract.txtpb", ReadSourceFile("policy/retail/contracts/swift-parcel.txtpb")}};
  return sources;
}

// 0: a contract, 1: a privacy policy, 2: a catalogue beside the other, 3: a descriptor set.
BundleSources SourcesWith(const BundleSources& sound, int layer, std::string text) {
  BundleSources sources = sound;
  switch (layer) {
    case 0:
      sources.files[2].text = std::move(text);
      break;
    case 1:
      sources.files[0].text = std::move(text);
      break;
    case 2:
      sources.files.push_back({"more.txtpb", std::move(text)});
      break;
    default:
      sources.descriptor_set = std::move(text);
      break;
  }
  return sources;
}

void UseGrant(const CompiledGrant& grant) {
  ProjectionContext context = testing::TestContext();
  context.consents_granted = ~uint64_t{0};
  ProjectionResult result;
  const std::string records[] = {"", "\x0a\x01R\x12\x01S\x1a\x03\x0a\x01N"};
  for (const std::string& record : records) {
    if (!Project(*grant.plan, context, record, &result).ok()) continue;
    Require(grant.verifier->Verify(context, record, result.bytes).ok(), "the verifier has a finding");
  }
}

void UseBundle(const CompiledBundle& bundle) {
  Require(Lint(bundle, {}).ok(), "a sound bundle cannot be linted");
  Require(Diff(&bundle, bundle).empty(), "a bundle differs from itself");
  const SharingScope scope = DescribeSharing(bundle);
  Require(!RenderHtml(scope).empty() && !RenderMarkdown(scope).empty(), "a page is empty");
  for (const auto& contract : bundle.contracts()) {
    Require(ExportSchema(bundle, contract->name).ok(), "a schema cannot be exported");
    for (const CompiledGrant& grant : contract->grants) UseGrant(grant);
    for (const CompiledGrant& grant : contract->inbound) UseGrant(grant);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const BundleSources* const sound = new BundleSources(SoundSources());
  static const google::protobuf::LogSilencer quiet;
  if (size == 0) return 0;
  const CompileResult result =
      Compile(SourcesWith(*sound, data[0] % 4, std::string(reinterpret_cast<const char*>(data) + 1, size - 1)));
  Require((result.bundle == nullptr) == HasErrors(result.diagnostics), "a bundle with errors, or none without");
  for (const Diagnostic& diagnostic : result.diagnostics)
    Require(!diagnostic.message.empty() && !ToString(diagnostic).empty(), "a diagnostic says nothing");
  if (result.bundle != nullptr) UseBundle(*result.bundle);
  return 0;
}
