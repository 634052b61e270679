#include "policy/language/compiler.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "policy/language/channel.h"
#include "policy/language/contract_checks.h"
#include "policy/language/grant_compiler.h"
#include "policy/language/values.h"
#include "policy/projection/date_value.h"

namespace postern::policy {

class BundleCompiler;

namespace {

const CompiledGrant* Find(const std::vector<CompiledGrant>& grants, absl::string_view purpose,
                          absl::string_view record_type) {
  for (const CompiledGrant& grant : grants) {
    if (purpose == grant.purpose && record_type == grant.record_type) return &grant;
  }
  return nullptr;
}

class Bundle : public CompiledBundle {
 public:
  const v1::PrivacyPolicy& privacy_policy() const override { return vocabulary_->policy(); }
  const std::vector<std::shared_ptr<const CompiledContract>>& contracts() const override { return contracts_; }
  const CompiledContract* FindContract(absl::string_view name) const override {
    for (const auto& contract : contracts_) {
      if (name == contract->name) return contract.get();
    }
    return nullptr;
  }
  bool HasRecordType(absl::string_view full_name) const override { return catalogue_->Find(full_name) != nullptr; }
  std::vector<std::string> RecordTypes() const override {
    std::vector<std::string> names;
    for (const auto& [name, record] : catalogue_->record_types()) names.push_back(name);
    return names;
  }
  const google::protobuf::Descriptor* FindMessage(absl::string_view full_name) const override {
    return schema_->FindMessage(full_name);
  }
  const Vocabulary& vocabulary() const override { return *vocabulary_; }
  const Catalogue& catalogue() const override { return *catalogue_; }
  std::string CategoryOf(absl::string_view record_type, absl::string_view path) const override {
    const google::protobuf::Descriptor* root = schema_->FindMessage(record_type);
    if (root == nullptr) return "";
    const FieldPath resolved = ResolvePath(*root, path).path;
    return IsLeaf(resolved) ? catalogue_->Classify(*root, resolved).category : "";
  }

 private:
  friend class ::postern::policy::BundleCompiler;
  std::unique_ptr<const Schema> schema_;  // first: everything below refers to it
  std::unique_ptr<const Vocabulary> vocabulary_;
  std::unique_ptr<const Catalogue> catalogue_;
  std::vector<std::shared_ptr<const CompiledContract>> contracts_;
};

}  // namespace

// The stages of Compile, in order. Each returns false if the next cannot rest on it.
class BundleCompiler {
 public:
  explicit BundleCompiler(DiagnosticSink& sink) : sink_(sink), bundle_(std::make_shared<Bundle>()) {}

  std::shared_ptr<const CompiledBundle> Run(const BundleSources& sources) {
    if (!Load(sources) || !CompileUpperLayers()) return nullptr;
    for (const auto& file : texts_.contracts) CompileContract(*file);
    CheckBetweenContracts();
    if (sink_.error_count() != 0) return nullptr;
    return bundle_;
  }

 private:
  bool Load(const BundleSources& sources) {
    texts_ = ParseTexts(sources.files, sink_);
    bundle_->schema_ = Schema::Load(sources.descriptor_set, sink_);
    return sink_.error_count() == 0;
  }

  bool CompileUpperLayers() {
    if (texts_.privacy_policies.empty()) {
      sink_.Error({"bundle"}, "the bundle has no privacy policy", "",
                  "add a file with the header \"# proto-message: postern.v1.PrivacyPolicy\"");
      return false;
    }
    for (size_t i = 1; i < texts_.privacy_policies.size(); ++i) {
      sink_.Error(texts_.privacy_policies[i]->root().Here(),
                  absl::StrCat("a second privacy policy; the first is ", texts_.privacy_policies[0]->name));
    }
    bundle_->vocabulary_ = Vocabulary::Build(*texts_.privacy_policies[0], sink_);
    if (sink_.error_count() != 0) return false;
    bundle_->catalogue_ = Catalogue::Build(*bundle_->schema_, texts_.catalogues, *bundle_->vocabulary_, sink_);
    return sink_.error_count() == 0;
  }

  template <typename GrantMessage>
  void CheckPairIsNew(const GrantMessage& grant, const SourceLocation& at,
                      std::set<std::pair<std::string, std::string>>* seen) {
    if (!seen->emplace(grant.purpose(), grant.record_type()).second) {
      sink_.Error(at, absl::StrCat("a second grant for ", grant.purpose(), " of ", grant.record_type()), "P1.2a",
                  "put the fields into one grant");
    }
  }

  void CompileContract(const ParsedFile<v1::Contract>& file) {
    auto compiled = std::make_shared<CompiledContract>();
    compiled->name = file.message.name();
    compiled->partner = PartnerOf(file.message.name());
    compiled->content = file.text;
    compiled->terms = file.message;
    compiled->source_file = file.name;
    const SourceNode root = file.root();
    const int errors_before = sink_.error_count();
    CheckTerms(file.message, root, *bundle_->vocabulary_, sink_);
    const ContractScope scope = {bundle_->vocabulary_.get(), bundle_->catalogue_.get(), &file.message, &built_};
    std::set<std::pair<std::string, std::string>> outbound, inbound;
    for (int i = 0; i < file.message.grants_size(); ++i) {
      const SourceNode node = root.Child(v1::Contract::kGrantsFieldNumber, i);
      CheckPairIsNew(file.message.grants(i), node.Here(), &outbound);
      if (auto grant = CompileGrant(file.message.grants(i), node, scope, sink_))
        compiled->grants.push_back(*std::move(grant));
    }
    for (int i = 0; i < file.message.inbound_size(); ++i) {
      const SourceNode node = root.Child(v1::Contract::kInboundFieldNumber, i);
      CheckPairIsNew(file.message.inbound(i), node.Here(), &inbound);
      if (auto grant = CompileInbound(file.message.inbound(i), node, scope, sink_))
        compiled->inbound.push_back(*std::move(grant));
    }
    if (sink_.error_count() == errors_before) {
      CheckAgainstGrants(file.message, root, *bundle_->vocabulary_, *bundle_->catalogue_, sink_);
    }
    bundle_->contracts_.push_back(std::move(compiled));
  }

  void CheckBetweenContracts() {
    auto& contracts = bundle_->contracts_;
    std::stable_sort(contracts.begin(), contracts.end(),
                     [](const auto& a, const auto& b) { return a->name < b->name; });
    for (size_t i = 0; i < contracts.size(); ++i) {
      for (size_t j = i + 1; j < contracts.size(); ++j) {
        // Sorted by name, the contracts of a partner are neighbours, but for names that are malformed anyway.
        if (contracts[i]->partner != contracts[j]->partner) break;
        CheckPair(*contracts[i], *contracts[j]);
      }
    }
  }

  void CheckPair(const CompiledContract& first, const CompiledContract& second) {
    const SourceLocation at = {second.source_file, 1, 1};
    if (first.name == second.name) {
      sink_.Error(at,
                  absl::StrCat("contract ", second.name, " is in the bundle twice; the other is ", first.source_file));
      return;
    }
    if (first.terms.partner_kind() != second.terms.partner_kind()) {
      sink_.Error(at,
                  absl::StrCat(second.partner, " is ", second.terms.partner_kind(), " here and ",
                               first.terms.partner_kind(), " in ", first.source_file),
                  "P1.4a");
    }
    const auto first_from = ParseDay(first.terms.effective_on()), first_to = ParseDay(first.terms.expires_on());
    const auto second_from = ParseDay(second.terms.effective_on()), second_to = ParseDay(second.terms.expires_on());
    if (!first_from || !first_to || !second_from || !second_to || *first_to < *second_from || *second_to < *first_from)
      return;
    CheckChannels(first, second, at);
    for (const CompiledGrant& grant : second.grants) {
      if (first.FindGrant(grant.purpose, grant.record_type) == nullptr) continue;
      sink_.Error(grant.location,
                  absl::StrCat(first.name, " grants ", grant.purpose, " of ", grant.record_type,
                               " at the same time, in ", first.source_file),
                  "P1.2a", "let one contract end before the other begins");
    }
  }

  // One queue of one partner cannot keep the order of a record key's records over two channels.
  void CheckChannels(const CompiledContract& first, const CompiledContract& second, const SourceLocation& at) {
    if (first.terms.delivery().has_exchange() || second.terms.delivery().has_exchange() ||
        SameChannel(first.terms.delivery(), second.terms.delivery())) {
      return;
    }
    sink_.Error(at, absl::StrCat(first.name, " delivers on another channel, in ", first.source_file), "",
                "give every contract of a partner that is not served by exchange the same channel and terms of it");
  }

  DiagnosticSink& sink_;
  std::shared_ptr<Bundle> bundle_;
  ParsedTexts texts_;
  BuiltGrants built_;
};

const CompiledGrant* CompiledContract::FindGrant(absl::string_view purpose, absl::string_view record_type) const {
  return Find(grants, purpose, record_type);
}

const CompiledGrant* CompiledContract::FindInbound(absl::string_view purpose, absl::string_view record_type) const {
  return Find(inbound, purpose, record_type);
}

CompileResult Compile(const BundleSources& sources) {
  DiagnosticSink sink;
  CompileResult result;
  result.bundle = BundleCompiler(sink).Run(sources);
  result.diagnostics = sink.Take();
  return result;
}

}  // namespace postern::policy
