#include "server/registry/bundle_plan.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "policy/language/compiler.h"
#include "policy/language/diagnostic_message.h"
#include "proto/errors/error.h"
#include "server/registry/errors.h"
#include "server/registry/partner_rows.h"
#include "server/registry/partner_validation.h"
#include "server/registry/times.h"

namespace postern::registry {
namespace {

using policy::CompiledContract;

const storage::PartnerRow* FindRow(const PolicyState& state, absl::string_view partner) {
  for (const storage::PartnerRow& row : state.partners) {
    if (row.partner.name() == partner) return &row;
  }
  return nullptr;
}

// A contract of the bundle must be of a partner that exists and is what the contract says.
void CheckPartner(const PolicyState& state, const CompiledContract& contract, v1::PolicyDiagnostics* diagnostics) {
  const storage::PartnerRow* row = FindRow(state, contract.partner);
  if (row != nullptr && row->partner.kind() == contract.terms.partner_kind()) return;
  v1::PolicyDiagnostic& line = *diagnostics->add_diagnostics();
  line.set_error(true);
  line.set_file(contract.source_file);
  line.set_clause("P1.4a");
  if (row == nullptr) {
    line.set_message(absl::StrCat(contract.partner, " does not exist"));
    line.set_hint("create the partner first");
  } else {
    line.set_message(absl::StrCat(contract.partner, " is a ", row->partner.kind(), " partner, the contract is for ",
                                  contract.terms.partner_kind()));
  }
}

// A contract whose webhooks are encrypted needs the key that it names; without it nothing could be sent.
void CheckEncryptionKey(const PolicyState& state, const CompiledContract& contract,
                        v1::PolicyDiagnostics* diagnostics) {
  const storage::PartnerRow* row = FindRow(state, contract.partner);
  const std::string& key = contract.terms.delivery().webhook().encryption_key();
  if (row == nullptr || HasEncryptionKey(row->partner, key)) return;
  v1::PolicyDiagnostic& line = *diagnostics->add_diagnostics();
  line.set_error(true);
  line.set_file(contract.source_file);
  line.set_clause("P1.3a");
  line.set_message(absl::StrCat(contract.partner, " has no encryption key \"", key, "\""));
  line.set_hint("register the key with the partner first");
}

// A file that was forgotten looks like a contract that was ended on purpose.
void WarnOfRemoval(absl::string_view contract, v1::PolicyDiagnostics* diagnostics) {
  v1::PolicyDiagnostic& line = *diagnostics->add_diagnostics();
  line.set_clause("P1.4c");
  line.set_message(absl::StrCat(contract, " is not in the bundle: it ends"));
  line.set_hint("a partner that is left without a contract is suspended");
}

bool HasErrors(const v1::PolicyDiagnostics& diagnostics) {
  return std::any_of(diagnostics.diagnostics().begin(), diagnostics.diagnostics().end(),
                     [](const v1::PolicyDiagnostic& diagnostic) { return diagnostic.error(); });
}

// What is known of one contract's revisions.
struct History {
  const storage::RevisionRow* active = nullptr;
  const storage::RevisionRow* pending = nullptr;
  int count = 0;
};

History HistoryOf(const PolicyState& state, absl::string_view contract) {
  History history;
  for (const storage::RevisionRow& row : state.revisions) {
    if (ContractPart(row.revision.name()) != contract) continue;
    ++history.count;
    if (row.revision.state() == v1::ContractRevision::STATE_ACTIVE) history.active = &row;
    if (row.revision.state() == v1::ContractRevision::STATE_PENDING) history.pending = &row;
  }
  return history;
}

void Supersede(const storage::RevisionRow* row, PolicyPlan* plan) {
  if (row == nullptr) return;
  plan->superseded.push_back(*row);
  plan->superseded.back().revision.set_state(v1::ContractRevision::STATE_SUPERSEDED);
}

// Makes a revision of `contract` if its text is new.
void PlanContract(const PolicyState& state, const CompiledContract& contract, absl::string_view principal,
                  absl::Time now, PolicyPlan* plan) {
  const History history = HistoryOf(state, contract.name);
  const std::string digest = TextDigest(contract.content);
  if (history.active != nullptr && history.active->revision.digest() == digest) {
    Supersede(history.pending, plan);  // the text went back to what is in force
    return;
  }
  if (history.pending != nullptr && history.pending->revision.digest() == digest) return;

  const CompiledContract* before =
      history.active == nullptr || state.in_force == nullptr ? nullptr : state.in_force->FindContract(contract.name);
  const ContractDiff diff = DiffContracts(before, contract);
  storage::RevisionRow row;
  row.partner = FindRow(state, contract.partner)->id;
  v1::ContractRevision& revision = row.revision;
  revision.set_name(absl::StrCat(contract.name, "/revisions/", history.count + 1, "-", digest.substr(0, 8)));
  revision.set_source(contract.content);
  revision.set_digest(digest);
  revision.set_widening(diff.widening);
  for (const std::string& line : diff.changes) revision.add_changes(line);
  SetTime(now, revision.mutable_create_time());
  revision.set_applied_by(std::string(principal));
  if (!diff.widening && CheckInForce(contract.terms, now).ok()) {
    revision.set_state(v1::ContractRevision::STATE_ACTIVE);
    revision.set_activated_by(std::string(principal));
    Supersede(history.active, plan);
  } else {
    revision.set_state(v1::ContractRevision::STATE_PENDING);
  }
  Supersede(history.pending, plan);
  plan->fresh.push_back(std::move(row));
}

ActiveRevisions ActiveAfter(const PolicyState& state, const PolicyPlan& plan) {
  // Rows by name, the later ones replacing: superseded rows carry the name of the row that they replace.
  std::map<std::string, const v1::ContractRevision*> by_name;
  for (const storage::RevisionRow& row : state.revisions) by_name[row.revision.name()] = &row.revision;
  for (const storage::RevisionRow& row : plan.superseded) by_name[row.revision.name()] = &row.revision;
  for (const storage::RevisionRow& row : plan.fresh) by_name[row.revision.name()] = &row.revision;
  ActiveRevisions active;
  for (const auto& [name, revision] : by_name) {
    if (revision->state() == v1::ContractRevision::STATE_ACTIVE) active[std::string(ContractPart(name))] = *revision;
  }
  return active;
}

// Compares what is in force with what would be.
void CompareInForce(const PolicyState& state, const PolicyInForce& after, PolicyPlan* plan) {
  if (state.in_force == nullptr) return;
  for (const auto& [name, revision] : state.in_force->revisions) {
    const CompiledContract& before = *state.in_force->FindContract(name);
    const CompiledContract* now = after.FindContract(name);
    AddNarrowed(before, now, &plan->narrowed);
    const bool same_text = now != nullptr && after.revisions.at(name).name() == revision.name();
    if (same_text && DiffContracts(&before, *now).widening) plan->widened.push_back(name);
  }
}

}  // namespace

bool SameState(const PolicyState& a, const PolicyState& b) {
  // Every write gives a partner a new etag; a revision's text never changes, and its state is all that does.
  const auto same_partner = [](const storage::PartnerRow& left, const storage::PartnerRow& right) {
    return left.id == right.id && left.partner.etag() == right.partner.etag();
  };
  const auto same_revision = [](const storage::RevisionRow& left, const storage::RevisionRow& right) {
    return left.revision.name() == right.revision.name() && left.revision.state() == right.revision.state();
  };
  return a.bundle_etag == b.bundle_etag && a.in_force == b.in_force &&
         std::equal(a.partners.begin(), a.partners.end(), b.partners.begin(), b.partners.end(), same_partner) &&
         std::equal(a.revisions.begin(), a.revisions.end(), b.revisions.begin(), b.revisions.end(), same_revision);
}

absl::StatusOr<PolicyPlan> PlanBundle(const PolicyState& state, const v1::PolicyBundle& bundle,
                                      absl::string_view principal, absl::Time now) {
  const policy::CompileResult compiled = policy::Compile(SourcesOf(bundle));
  PolicyPlan plan;
  plan.warnings = policy::ToMessage(compiled.diagnostics);
  if (compiled.bundle == nullptr) return errors::PolicyInvalid(plan.warnings);
  for (const auto& contract : compiled.bundle->contracts()) {
    CheckPartner(state, *contract, &plan.warnings);
    CheckEncryptionKey(state, *contract, &plan.warnings);
  }
  if (HasErrors(plan.warnings)) return errors::PolicyInvalid(plan.warnings);

  plan.policy_version = compiled.bundle->privacy_policy().version();
  for (const auto& contract : compiled.bundle->contracts()) PlanContract(state, *contract, principal, now, &plan);
  // What the bundle does not hold any more has ended.
  for (const storage::RevisionRow& row : state.revisions) {
    const bool open = row.revision.state() != v1::ContractRevision::STATE_SUPERSEDED;
    const absl::string_view contract = ContractPart(row.revision.name());
    if (!open || compiled.bundle->FindContract(contract) != nullptr) continue;
    Supersede(&row, &plan);
    WarnOfRemoval(contract, &plan.warnings);
  }
  // Texts that wait for a second person are not in force: what stays must hold under the new layers too.
  POSTERN_ASSIGN_OR_RETURN(plan.after, CompileInForce(bundle, BundleDigest(bundle), ActiveAfter(state, plan)));
  CompareInForce(state, *plan.after, &plan);
  return plan;
}

absl::StatusOr<PolicyPlan> PlanActivation(const PolicyState& state, const v1::PolicyBundle& bundle,
                                          storage::RevisionRow revision, absl::string_view principal) {
  PolicyPlan plan;
  const std::string contract(ContractPart(revision.revision.name()));
  Supersede(HistoryOf(state, contract).active, &plan);
  revision.revision.set_state(v1::ContractRevision::STATE_ACTIVE);
  revision.revision.set_activated_by(std::string(principal));
  plan.fresh.push_back(std::move(revision));
  POSTERN_ASSIGN_OR_RETURN(plan.after, CompileInForce(bundle, BundleDigest(bundle), ActiveAfter(state, plan)));
  // The partner may have lost the key since the contract was applied.
  if (const CompiledContract* active = plan.after->FindContract(contract); active != nullptr) {
    CheckEncryptionKey(state, *active, &plan.warnings);
  }
  if (HasErrors(plan.warnings)) return errors::PolicyInvalid(plan.warnings);
  CompareInForce(state, *plan.after, &plan);
  return plan;
}

absl::Status CheckInForce(const v1::Contract& contract, absl::Time now) {
  const policy::ContractStanding standing = policy::StandingOn(contract, UtcDay(now));
  switch (standing.state) {
    case policy::ContractStanding::State::kInForce:
      return absl::OkStatus();
    case policy::ContractStanding::State::kNotYet:
      return errors::ContractNotInForce(contract.name(), absl::StrCat("begins on ", contract.effective_on()));
    case policy::ContractStanding::State::kExpired:
      return errors::ContractNotInForce(contract.name(), absl::StrCat("ended on ", contract.expires_on()));
    case policy::ContractStanding::State::kDocumentExpired:
      return errors::DocumentExpired(contract.name(), standing.document_kind);
  }
  return absl::OkStatus();
}

}  // namespace postern::registry
