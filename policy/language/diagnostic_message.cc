#include "policy/language/diagnostic_message.h"

namespace postern::policy {

v1::PolicyDiagnostics ToMessage(const std::vector<Diagnostic>& diagnostics) {
  v1::PolicyDiagnostics out;
  for (const Diagnostic& diagnostic : diagnostics) {
    v1::PolicyDiagnostic& line = *out.add_diagnostics();
    line.set_error(diagnostic.severity == Diagnostic::Severity::kError);
    line.set_file(diagnostic.location.file);
    line.set_line(diagnostic.location.line);
    line.set_column(diagnostic.location.column);
    line.set_message(diagnostic.message);
    line.set_clause(diagnostic.clause);
    line.set_hint(diagnostic.hint);
  }
  return out;
}

}  // namespace postern::policy
