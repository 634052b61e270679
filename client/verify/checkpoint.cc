#include "client/verify/checkpoint.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "client/verify/errors.h"

namespace postern::client::verify {
namespace {

// Decimal digits without sign, space or leading zero.
bool ParseSize(absl::string_view text, uint64_t& size) {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return false;
  if (!std::all_of(text.begin(), text.end(), [](unsigned char c) { return absl::ascii_isdigit(c); })) return false;
  return absl::SimpleAtoi(text, &size);
}

}  // namespace

absl::StatusOr<Checkpoint> ParseCheckpoint(absl::string_view text) {
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  // The text ends in a newline, so the last piece is empty.
  if (lines.size() < 4 || !lines.back().empty()) return errors::Malformed("a checkpoint has three lines at least");
  Checkpoint checkpoint;
  checkpoint.origin = std::string(lines[0]);
  if (checkpoint.origin.empty()) return errors::Malformed("a checkpoint without origin");
  if (!ParseSize(lines[1], checkpoint.size)) return errors::Malformed("a checkpoint's size is a decimal number");
  std::string root;
  if (!absl::Base64Unescape(lines[2], &root) || absl::Base64Escape(root) != lines[2] ||
      root.size() != checkpoint.root.size()) {
    return errors::Malformed("a checkpoint's root is 32 bytes in base64");
  }
  std::copy(root.begin(), root.end(), checkpoint.root.begin());
  return checkpoint;
}

absl::StatusOr<Checkpoint> OpenCheckpoint(absl::string_view note, const NoteVerifier& verifier) {
  const absl::StatusOr<std::string> text = verifier.Open(note);
  if (!text.ok()) return text.status();
  absl::StatusOr<Checkpoint> checkpoint = ParseCheckpoint(*text);
  if (checkpoint.ok() && checkpoint->origin != verifier.name())
    return errors::NotVerified("the checkpoint is of another log");
  return checkpoint;
}

}  // namespace postern::client::verify
