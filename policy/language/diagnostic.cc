#include "policy/language/diagnostic.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"

namespace postern::policy {
namespace {

auto Key(const Diagnostic& d) {
  return std::tie(d.location.file, d.location.line, d.location.column, d.severity, d.message, d.clause, d.hint);
}

}  // namespace

std::string ToString(const SourceLocation& location) {
  if (location.line == 0) return location.file;
  return absl::StrCat(location.file, ":", location.line, ":", location.column);
}

std::string ToString(const Diagnostic& diagnostic) {
  std::string out = ToString(diagnostic.location);
  absl::StrAppend(
      &out, diagnostic.severity == Diagnostic::Severity::kError ? ": error: " : ": warning: ", diagnostic.message);
  if (!diagnostic.clause.empty()) absl::StrAppend(&out, " [", diagnostic.clause, "]");
  if (!diagnostic.hint.empty()) absl::StrAppend(&out, " (", diagnostic.hint, ")");
  return out;
}

bool HasErrors(const std::vector<Diagnostic>& diagnostics) {
  return std::any_of(diagnostics.begin(), diagnostics.end(),
                     [](const Diagnostic& d) { return d.severity == Diagnostic::Severity::kError; });
}

void DiagnosticSink::Error(SourceLocation location, std::string message, absl::string_view clause, std::string hint) {
  ++error_count_;
  diagnostics_.push_back(
      {Diagnostic::Severity::kError, std::move(location), std::move(message), std::string(clause), std::move(hint)});
}

void DiagnosticSink::Warning(SourceLocation location, std::string message, absl::string_view clause, std::string hint) {
  diagnostics_.push_back(
      {Diagnostic::Severity::kWarning, std::move(location), std::move(message), std::string(clause), std::move(hint)});
}

std::vector<Diagnostic> DiagnosticSink::Take() {
  std::sort(diagnostics_.begin(), diagnostics_.end(),
            [](const Diagnostic& a, const Diagnostic& b) { return Key(a) < Key(b); });
  diagnostics_.erase(std::unique(diagnostics_.begin(), diagnostics_.end(),
                                 [](const Diagnostic& a, const Diagnostic& b) { return Key(a) == Key(b); }),
                     diagnostics_.end());
  error_count_ = 0;
  return std::exchange(diagnostics_, {});
}

}  // namespace postern::policy
