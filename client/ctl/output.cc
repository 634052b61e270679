#include "client/ctl/output.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>

#include <google/protobuf/util/json_util.h>
#include "google/rpc/error_details.pb.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

namespace postern::client::ctl {
namespace {

constexpr int kBarWidth = 30;

size_t CodePoints(absl::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; }));
}

}  // namespace

std::string Table::ToString() const {
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], CodePoints(row[i]));
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&line, row[i], std::string(widths[i] - CodePoints(row[i]) + 2, ' '));
    }
    absl::StrAppend(&out, absl::StripTrailingAsciiWhitespace(line), "\n");
  }
  return out;
}

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json, options).ok()) return "{}\n";
  return json;
}

void Output::Result(const google::protobuf::Message& message, absl::string_view text) {
  Text(json_ ? ToJson(message) : std::string(text));
}

void Output::Text(absl::string_view text) {
  EndProgress();
  std::cout << text << std::flush;
}

void Output::Note(absl::string_view text) {
  if (json_) return;
  EndProgress();
  std::cerr << text << "\n";
}

void Output::Error(absl::string_view reason, absl::string_view message,
                   const std::vector<std::pair<std::string, std::string>>& metadata) {
  EndProgress();
  if (json_) {
    google::rpc::ErrorInfo info;
    info.set_reason(std::string(reason));
    info.set_domain("postern.v1");
    for (const auto& [key, value] : metadata) (*info.mutable_metadata())[key] = value;
    (*info.mutable_metadata())["message"] = std::string(message);
    std::cerr << ToJson(info);
    return;
  }
  std::cerr << "error: " << message;
  if (!reason.empty()) std::cerr << " [" << reason << "]";
  std::cerr << "\n";
}

void Output::Diagnostics(const v1::PolicyDiagnostics& diagnostics) {
  if (diagnostics.diagnostics().empty()) return;
  EndProgress();
  if (json_) {
    std::cerr << ToJson(diagnostics);
    return;
  }
  for (const auto& d : diagnostics.diagnostics()) {
    std::cerr << d.file();
    if (d.line() > 0) std::cerr << ":" << d.line() << ":" << d.column();
    std::cerr << ": " << (d.error() ? "error: " : "warning: ") << d.message();
    if (!d.clause().empty()) std::cerr << " [" << d.clause() << "]";
    if (!d.hint().empty()) std::cerr << " (" << d.hint() << ")";
    std::cerr << "\n";
  }
}

void Output::Progress(absl::string_view what, int64_t done, int64_t total) {
  if (json_ || !isatty(STDERR_FILENO)) return;
  drawing_ = true;
  std::cerr << "\r\033[K" << what << " ";
  if (total > 0) {
    const auto filled = static_cast<int>(std::min<int64_t>(kBarWidth, done * kBarWidth / total));
    std::cerr << "[" << std::string(static_cast<size_t>(filled), '#')
              << std::string(static_cast<size_t>(kBarWidth - filled), '.') << "] " << done << "/" << total;
  } else {
    std::cerr << done;
  }
  std::cerr << std::flush;
}

void Output::EndProgress() {
  if (drawing_) std::cerr << "\n";
  drawing_ = false;
}

std::string FormatTime(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M:%SZ", absl::FromUnixSeconds(time.seconds()), absl::UTCTimeZone());
}

std::string ShortEnum(absl::string_view name, absl::string_view prefix) {
  return absl::AsciiStrToLower(absl::StripPrefix(name, prefix));
}

}  // namespace postern::client::ctl
