// What the policy compiler says about a file.
#pragma once

#include <string>
#include <vector>

namespace postern::policy {

// Where in a source file; lines and columns count from 1, 0 is unknown.
struct SourceLocation {
  std::string file;
  int line = 0;
  int column = 0;
};

struct Diagnostic {
  enum class Severity { kError, kWarning };
  Severity severity = Severity::kError;
  SourceLocation location;
  std::string message;
  std::string clause;  // the clause id that forbids it, for example "W1.2b"; may be empty
  std::string hint;    // "did you mean ...?"; may be empty
};

// "contracts/x.txtpb:12:3: error: ... [P1.4b] (hint)".
std::string ToString(const Diagnostic& diagnostic);
bool HasErrors(const std::vector<Diagnostic>& diagnostics);

}  // namespace postern::policy
