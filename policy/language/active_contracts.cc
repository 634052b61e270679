#include "policy/language/active_contracts.h"

#include <utility>

namespace postern::policy {

std::optional<v1::Contract> ContractIn(const TextSource& source) {
  DiagnosticSink ignored;
  const ParsedTexts parsed = ParseTexts({source}, ignored);
  if (parsed.contracts.empty()) return std::nullopt;
  return parsed.contracts.front()->message;
}

BundleSources WithActiveContracts(BundleSources sources, const std::map<std::string, std::string>& texts) {
  for (TextSource& file : std::exchange(sources.files, {})) {
    if (const std::optional<v1::Contract> contract = ContractIn(file)) {
      const auto active = texts.find(contract->name());
      if (active == texts.end()) continue;
      file.text = active->second;
    }
    sources.files.push_back(std::move(file));
  }
  return sources;
}

}  // namespace postern::policy
