// What the policy compiler says about a file.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

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
  std::string clause;  // the clause ids that forbid it, for example "W1.2b" or "W1.1, W4b"; may be empty
  std::string hint;    // "did you mean ...?"; may be empty
};

// "contracts/x.txtpb:12:3".
std::string ToString(const SourceLocation& location);
// "contracts/x.txtpb:12:3: error: ... [P1.4b] (hint)".
std::string ToString(const Diagnostic& diagnostic);
bool HasErrors(const std::vector<Diagnostic>& diagnostics);

// Collects diagnostics while the compiler goes on. Not thread-safe.
class DiagnosticSink {
 public:
  void Error(SourceLocation location, std::string message, absl::string_view clause = "", std::string hint = "");
  void Warning(SourceLocation location, std::string message, absl::string_view clause = "", std::string hint = "");
  // Errors so far: a stage compares before and after.
  int error_count() const { return error_count_; }
  // Everything collected, by file, line and column, without repeats.
  std::vector<Diagnostic> Take();

 private:
  std::vector<Diagnostic> diagnostics_;
  int error_count_ = 0;
};

}  // namespace postern::policy
