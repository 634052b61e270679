// Printing: tables and progress bars for people, JSON for programs.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <google/protobuf/message.h>

#include "absl/strings/string_view.h"
#include "google/protobuf/timestamp.pb.h"
#include "proto/postern/v1/operator_service.pb.h"

namespace postern::client::ctl {

// Columns grow with their cells; widths count code points.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string ToString() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// Writes results to standard output, everything else to standard error. Not thread-safe.
class Output {
 public:
  void set_json(bool json) { json_ = json; }
  bool json() const { return json_; }

  // A message as JSON with proto field names, or `text` for people.
  void Result(const google::protobuf::Message& message, absl::string_view text);
  // Raw text, whatever the format.
  void Text(absl::string_view text);
  // A remark for people; nothing with JSON.
  void Note(absl::string_view text);
  void Error(absl::string_view reason, absl::string_view message,
             const std::vector<std::pair<std::string, std::string>>& metadata);
  // "file:line:column: error: ..." a line, or one object with JSON; nothing if there are none.
  void Diagnostics(const v1::PolicyDiagnostics& diagnostics);
  // Redraws one line on a terminal; prints nothing elsewhere. `total` 0: unknown.
  void Progress(absl::string_view what, int64_t done, int64_t total);
  void EndProgress();

 private:
  bool json_ = false;
  bool drawing_ = false;
};

// "2026-01-31 12:00:00Z", or "-" where absent.
std::string FormatTime(const google::protobuf::Timestamp& time);
// An enum name without its prefix, in lower case: PARTNER_STATE_ACTIVE -> "active".
std::string ShortEnum(absl::string_view name, absl::string_view prefix);
std::string ToJson(const google::protobuf::Message& message);

}  // namespace postern::client::ctl
