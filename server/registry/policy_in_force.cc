#include "server/registry/policy_in_force.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "policy/language/source_text.h"
#include "proto/errors/error.h"
#include "server/crypto/sha256.h"
#include "server/registry/errors.h"

namespace postern::registry {
namespace {

// Nothing if the text is of another layer or does not parse.
std::optional<v1::Contract> ContractIn(const policy::TextSource& source) {
  policy::DiagnosticSink ignored;
  const policy::ParsedTexts parsed = policy::ParseTexts({source}, ignored);
  if (parsed.contracts.empty()) return std::nullopt;
  return parsed.contracts.front()->message;
}

}  // namespace

const policy::CompiledContract* PolicyInForce::FindContract(absl::string_view name) const {
  return bundle == nullptr ? nullptr : bundle->FindContract(name);
}

policy::BundleSources SourcesOf(const v1::PolicyBundle& bundle) {
  policy::BundleSources sources;
  sources.descriptor_set = bundle.descriptor_set();
  for (const v1::PolicyBundle::SourceFile& file : bundle.files()) sources.files.push_back({file.name(), file.text()});
  return sources;
}

absl::StatusOr<std::shared_ptr<const PolicyInForce>> CompileInForce(const v1::PolicyBundle& bundle,
                                                                    absl::string_view bundle_digest,
                                                                    ActiveRevisions revisions) {
  auto in_force = std::make_shared<PolicyInForce>();
  in_force->bundle_digest = std::string(bundle_digest);
  policy::BundleSources sources = SourcesOf(bundle);
  std::vector<policy::TextSource> files = std::exchange(sources.files, {});
  for (policy::TextSource& file : files) {
    const std::optional<v1::Contract> contract = ContractIn(file);
    if (!contract) {
      sources.files.push_back(std::move(file));
      continue;
    }
    const auto active = revisions.find(contract->name());
    if (active == revisions.end()) continue;
    sources.files.push_back({std::move(file.name), active->second.source()});
    in_force->revisions.insert(revisions.extract(active));
  }
  policy::CompileResult result = policy::Compile(sources);
  if (result.bundle == nullptr) return errors::PolicyInvalid(ToProto(result.diagnostics));
  in_force->bundle = std::move(result.bundle);
  return in_force;
}

absl::StatusOr<v1::Contract> ParseContract(const std::string& source) {
  std::optional<v1::Contract> contract = ContractIn({"contract", source});
  if (!contract) return errors::StoreInconsistent("a contract revision does not parse");
  return *std::move(contract);
}

std::string BundleDigest(const v1::PolicyBundle& bundle) {
  std::vector<const v1::PolicyBundle::SourceFile*> files;
  for (const v1::PolicyBundle::SourceFile& file : bundle.files()) files.push_back(&file);
  std::sort(files.begin(), files.end(), [](const auto* a, const auto* b) { return a->name() < b->name(); });
  // Every part behind its length, so that no two bundles read the same.
  std::string content = absl::StrCat(bundle.descriptor_set().size(), ":", bundle.descriptor_set());
  for (const auto* file : files) {
    absl::StrAppend(&content, file->name().size(), ":", file->name(), file->text().size(), ":", file->text());
  }
  return TextDigest(content);
}

std::string TextDigest(absl::string_view text) {
  const crypto::Sha256Digest digest = crypto::Sha256(text);
  return absl::BytesToHexString(crypto::AsBytes(digest));
}

v1::PolicyDiagnostics ToProto(const std::vector<policy::Diagnostic>& diagnostics) {
  v1::PolicyDiagnostics out;
  for (const policy::Diagnostic& diagnostic : diagnostics) {
    v1::PolicyDiagnostic& line = *out.add_diagnostics();
    line.set_error(diagnostic.severity == policy::Diagnostic::Severity::kError);
    line.set_file(diagnostic.location.file);
    line.set_line(diagnostic.location.line);
    line.set_column(diagnostic.location.column);
    line.set_message(diagnostic.message);
    line.set_clause(diagnostic.clause);
    line.set_hint(diagnostic.hint);
  }
  return out;
}

}  // namespace postern::registry
