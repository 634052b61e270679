// Removes personal identifiers from free text.
#pragma once

#include <memory>
#include <string>

#include <re2/re2.h>

#include "absl/strings/string_view.h"
#include "proto/postern/v1/contract.pb.h"

namespace postern::policy {

// Replaces what its detectors find: "[card]", "[iban]", "[email]", "[phone]". Overlapping findings become one
// replacement, named after the first. Thread-safe: immutable.
class Redactor {
 public:
  // `spec` has passed CheckTransform.
  explicit Redactor(const v1::Redact& spec);
  // Appends `text`, which is valid UTF-8, without what was found.
  void Append(absl::string_view text, std::string* out) const;

 private:
  bool card_number_ = false;
  bool iban_ = false;
  std::unique_ptr<const RE2> email_;  // null: not looked for
  std::unique_ptr<const RE2> phone_;
};

// Appends `text` with card numbers replaced. True if there were any.
bool AppendWithoutCardNumbers(absl::string_view text, std::string* out);

}  // namespace postern::policy
