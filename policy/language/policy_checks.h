// What must hold inside a PrivacyPolicy for the layers below to rest on it.
#pragma once

#include "policy/language/diagnostic.h"
#include "policy/language/source_text.h"
#include "policy/language/vocabulary.h"

namespace postern::policy {

void CheckPrivacyPolicy(const Vocabulary& vocabulary, const SourceNode& node, DiagnosticSink& sink);

}  // namespace postern::policy
