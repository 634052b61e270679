#include "server/base/log.h"

#include <unistd.h>

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace postern::base {
namespace {

constexpr std::array<absl::string_view, 4> kLevelNames = {"debug", "info", "warning", "error"};

// A JSON string (RFC 8259, section 7).
void AppendQuoted(absl::string_view text, std::string* out) {
  out->push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(out, "\\u%04x", c);
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

struct AppendValue {
  std::string* out;
  void operator()(int64_t value) const { absl::StrAppend(out, value); }
  void operator()(double value) const { absl::StrAppendFormat(out, "%.6g", value); }
  void operator()(bool value) const { out->append(value ? "true" : "false"); }
  void operator()(const PublicText& value) const { AppendQuoted(value.text(), out); }
};

}  // namespace

void Logger::Write(LogLevel level, absl::string_view event, Fields fields) const {
  if (level < level_) return;
  std::string line = "{\"time\":\"";
  absl::StrAppend(&line, absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::Now(), absl::UTCTimeZone()), "\",\"level\":\"",
                  kLevelNames[static_cast<size_t>(level)], "\",\"event\":");
  AppendQuoted(event, &line);
  for (const auto& [key, value] : fields) {
    line.push_back(',');
    AppendQuoted(key, &line);
    line.push_back(':');
    std::visit(AppendValue{&line}, value);
  }
  line.append("}\n");
  // A log that cannot be written stops nothing: the audit log is the record.
  [[maybe_unused]] const ssize_t written = write(fd_, line.data(), line.size());
}

PublicText ErrorText(const absl::Status& status) {
  return PublicText::Token(absl::StrCat(absl::StatusCodeToString(status.code()), ": ", status.message()));
}

}  // namespace postern::base
