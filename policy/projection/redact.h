// Removes personal identifiers from free text.
#pragma once

#include <memory>
#include <string>

#include <re2/re2.h>

#include "absl/base/call_once.h"
#include "absl/strings/string_view.h"
#include "proto/postern/v1/contract.pb.h"

namespace postern::policy {

// A pattern that is compiled when it is needed first: with the letters of every script it takes milliseconds and
// hundreds of kilobytes, and most contracts of a snapshot wait long for a text that calls for it. Thread-safe.
class LatePattern {
 public:
  // `pattern` is a literal that RE2 accepts.
  explicit LatePattern(const char* pattern) : pattern_(pattern) {}
  const RE2& Get() const;

 private:
  const char* const pattern_;
  mutable absl::once_flag once_;
  mutable std::unique_ptr<const RE2> compiled_;
};

// Replaces what its detectors find: "[card]", "[iban]", "[email]", "[phone]". Overlapping findings become one
// replacement, named after the first. Thread-safe.
class Redactor {
 public:
  // `spec` has passed CheckTransform.
  explicit Redactor(const v1::Redact& spec);
  // Appends `text`, which is valid UTF-8, without what was found.
  void Append(absl::string_view text, std::string* out) const;

 private:
  bool card_number_ = false;
  bool iban_ = false;
  std::unique_ptr<const LatePattern> email_;  // null: not looked for
  std::unique_ptr<const LatePattern> phone_;
};

// Appends `text` with card numbers replaced. True if there were any.
bool AppendWithoutCardNumbers(absl::string_view text, std::string* out);

}  // namespace postern::policy
