#include "server/registry/policy_in_force.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "policy/language/active_contracts.h"
#include "policy/language/diagnostic_message.h"
#include "proto/errors/error.h"
#include "server/crypto/sha256.h"
#include "server/registry/errors.h"

namespace postern::registry {
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
  std::map<std::string, std::string> texts;
  for (const auto& [name, revision] : revisions) texts[name] = revision.source();
  policy::CompileResult result = policy::Compile(policy::WithActiveContracts(SourcesOf(bundle), texts));
  if (result.bundle == nullptr) return errors::PolicyInvalid(policy::ToMessage(result.diagnostics));
  for (const auto& contract : result.bundle->contracts()) {
    in_force->revisions.insert(revisions.extract(contract->name));
  }
  in_force->bundle = std::move(result.bundle);
  return in_force;
}

absl::StatusOr<v1::Contract> ParseContract(const std::string& source) {
  std::optional<v1::Contract> contract = policy::ContractIn({"contract", source});
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

}  // namespace postern::registry
