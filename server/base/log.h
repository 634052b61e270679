// JSON lines on standard error, for machines that collect them.
//
// A field takes numbers, truth values, reasons from the enum and PublicText, and nothing else: a string does not
// convert, so whoever writes one says what kind of public text it is. Personal data, secrets and record content have no
// way in.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace postern::base {

// Text that may be read by anyone who reads logs. `grep -rn PublicText::` lists every place that vouches for one.
class PublicText {
 public:
  // "partners/{partner}" and the like, as the gateway itself knows it (not as a caller wrote it).
  static PublicText ResourceName(absl::string_view name) { return PublicText(name); }
  // A value from the configuration: a path, an address, a listener's name.
  static PublicText Setting(absl::string_view value) { return PublicText(value); }
  // A word from this program's own source: a state, a signal, an ErrorReason name.
  static PublicText Token(absl::string_view word) { return PublicText(word); }

  const std::string& text() const { return text_; }

 private:
  explicit PublicText(absl::string_view text) : text_(text) {}
  std::string text_;
};

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Thread-safe: a line is one write.
class Logger {
 public:
  using Value = std::variant<int64_t, double, bool, PublicText>;
  using Fields = std::initializer_list<std::pair<absl::string_view, Value>>;

  // Lines below `level` are dropped. `fd` is not owned.
  explicit Logger(LogLevel level, int fd = 2) : level_(level), fd_(fd) {}

  // `event` is a short token: "gateway.started", "certificate.rejected".
  void Debug(absl::string_view event, Fields fields = {}) const { Write(LogLevel::kDebug, event, fields); }
  void Info(absl::string_view event, Fields fields = {}) const { Write(LogLevel::kInfo, event, fields); }
  void Warning(absl::string_view event, Fields fields = {}) const { Write(LogLevel::kWarning, event, fields); }
  void Error(absl::string_view event, Fields fields = {}) const { Write(LogLevel::kError, event, fields); }

 private:
  void Write(LogLevel level, absl::string_view event, Fields fields) const;

  const LogLevel level_;
  const int fd_;
};

// The message of one of our own errors: they hold field paths, limits and resource names only (proto/errors/error.h).
PublicText ErrorText(const absl::Status& status);

}  // namespace postern::base
