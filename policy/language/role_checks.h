// What the field roles of a record type must satisfy.
#pragma once

#include "policy/language/catalogue.h"

namespace postern::policy {

// Exactly one record key, a subject, types that each role can be read from.
void CheckRoles(const RecordType& record, DiagnosticSink& sink);

}  // namespace postern::policy
