// What a contract says beside its grants: name, dates, documents, delivery, retention, deletion, supervision.
#pragma once

#include "policy/language/catalogue.h"
#include "policy/language/source_text.h"
#include "policy/language/vocabulary.h"

namespace postern::policy {

// Checks the terms alone; grants are checked by CompileGrant.
void CheckTerms(const v1::Contract& contract, const SourceNode& node, const Vocabulary& vocabulary,
                DiagnosticSink& sink);

// Checks that need the schema and grants whose types exist: the exchange method, the locator, retention against the
// policy's.
void CheckAgainstGrants(const v1::Contract& contract, const SourceNode& node, const Vocabulary& vocabulary,
                        const Catalogue& catalogue, DiagnosticSink& sink);

}  // namespace postern::policy
