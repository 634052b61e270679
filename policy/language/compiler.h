// Compiles the three layers of the policy language: Catalogue ∩ PrivacyPolicy ∩ Contracts -> ProjectionPlans, or
// diagnostics.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "policy/language/catalogue.h"
#include "policy/language/diagnostic.h"
#include "policy/language/source_text.h"
#include "policy/language/vocabulary.h"
#include "policy/projection/plan.h"
#include "policy/projection/plan_spec.h"
#include "policy/projection/projector.h"
#include "policy/projection/verifier.h"
#include "proto/postern/v1/contract.pb.h"
#include "proto/postern/v1/privacy_policy.pb.h"

namespace postern::policy {

struct BundleSources {
  std::string descriptor_set;  // a serialised google.protobuf.FileDescriptorSet with its imports
  std::vector<TextSource> files;
};

// One (purpose, record type) of a contract.
struct CompiledGrant {
  std::string purpose;
  std::string record_type;
  std::string justification;
  SourceLocation location;
  std::shared_ptr<const PlanSpec> spec;  // what plan and verifier were built from, for reports
  std::shared_ptr<const ProjectionPlan> plan;
  std::shared_ptr<const Verifier> verifier;
  std::vector<std::string> categories;  // of the granted leaves, sorted, without repeats
  bool consent_required =
      false;  // the ceiling's: the whole disclosure needs "purpose:<purpose>"; the gateway refuses without
};

// One contract. Immutable.
struct CompiledContract {
  std::string name;     // "partners/p/contracts/c"
  std::string partner;  // "partners/p"
  std::string content;  // the source text; the gateway digests it to name the revision
  v1::Contract terms;
  std::string source_file;
  std::vector<CompiledGrant> grants;
  std::vector<CompiledGrant> inbound;
  // Null if the pair is not granted.
  const CompiledGrant* FindGrant(absl::string_view purpose, absl::string_view record_type) const;
  const CompiledGrant* FindInbound(absl::string_view purpose, absl::string_view record_type) const;
};

// A whole bundle, compiled. Immutable; owns the descriptor pool that everything in it refers to.
class CompiledBundle {
 public:
  virtual ~CompiledBundle() = default;
  virtual const v1::PrivacyPolicy& privacy_policy() const = 0;
  virtual const std::vector<std::shared_ptr<const CompiledContract>>& contracts() const = 0;
  virtual const CompiledContract* FindContract(absl::string_view name) const = 0;
  virtual bool HasRecordType(absl::string_view full_name) const = 0;
  virtual std::vector<std::string> RecordTypes() const = 0;
  virtual const google::protobuf::Descriptor* FindMessage(absl::string_view full_name) const = 0;
  // The first two layers, for reports.
  virtual const Vocabulary& vocabulary() const = 0;
  virtual const Catalogue& catalogue() const = 0;
  // The category of a leaf, empty if unclassified or unknown. `path` is dotted.
  virtual std::string CategoryOf(absl::string_view record_type, absl::string_view path) const = 0;
};

struct CompileResult {
  std::shared_ptr<const CompiledBundle> bundle;  // null if there are errors
  std::vector<Diagnostic> diagnostics;           // errors and warnings, by file and line
};

// Total: any input gives a bundle or diagnostics. Layers are checked from the top down, and a layer only if those above
// it are sound. Dates in contracts are checked for form and order, not against today: being in force is the gateway's
// question (StandingOn below).
CompileResult Compile(const BundleSources& sources);

// Whether a contract and its documents are in force on a day.
struct ContractStanding {
  enum class State { kInForce, kNotYet, kExpired, kDocumentExpired } state = State::kInForce;
  std::string document_kind;  // for kDocumentExpired, for example "QUALIFICATION"
  int days_left = 0;          // until the first of contract and documents ends; 0 on the last day
};
ContractStanding StandingOn(const v1::Contract& contract, absl::CivilDay day);

}  // namespace postern::policy
