// One grant of a contract: checked against catalogue and privacy policy, and turned into a PlanSpec, a plan and a
// verifier.
#pragma once

#include <optional>

#include "policy/language/built_grants.h"
#include "policy/language/compiler.h"

namespace postern::policy {

// What the compilers of grants share.
struct ContractScope {
  const Vocabulary* vocabulary = nullptr;
  const Catalogue* catalogue = nullptr;
  const v1::Contract* contract = nullptr;
  BuiltGrants* built = nullptr;  // of the bundle
};

// Nullopt if anything is wrong; `sink` then has an error.
std::optional<CompiledGrant> CompileGrant(const v1::Grant& grant, const SourceNode& node, const ContractScope& scope,
                                          DiagnosticSink& sink);
// What comes back. The purpose must be one that the contract grants outwards.
std::optional<CompiledGrant> CompileInbound(const v1::InboundGrant& grant, const SourceNode& node,
                                            const ContractScope& scope, DiagnosticSink& sink);

}  // namespace postern::policy
