#include "server/audit/checkpoint.h"

#include <algorithm>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/errors/error.h"
#include "server/audit/errors.h"
#include "server/crypto/base64.h"

namespace postern::audit {

absl::StatusOr<std::string> EncodeCheckpoint(const Checkpoint& checkpoint) {
  if (checkpoint.origin.empty() || checkpoint.origin.find('\n') != std::string::npos) {
    return errors::CheckpointMalformed("the origin is empty or has more than one line");
  }
  return absl::StrCat(checkpoint.origin, "\n", checkpoint.size, "\n",
                      absl::Base64Escape(crypto::AsBytes(checkpoint.root)), "\n");
}

absl::StatusOr<Checkpoint> ParseCheckpoint(absl::string_view text) {
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  if (lines.size() != 4 || !lines[3].empty()) return errors::CheckpointMalformed("it has three lines");
  Checkpoint checkpoint;
  checkpoint.origin = std::string(lines[0]);
  std::string root;
  if (checkpoint.origin.empty()) return errors::CheckpointMalformed("the origin is empty");
  if (!absl::SimpleAtoi(lines[1], &checkpoint.size) || absl::StrCat(checkpoint.size) != lines[1]) {
    return errors::CheckpointMalformed("the size is not a decimal number");
  }
  if (!crypto::DecodeBase64(lines[2], &root) || root.size() != checkpoint.root.size()) {
    return errors::CheckpointMalformed("the root is not 32 bytes in base64");
  }
  std::copy(root.begin(), root.end(), checkpoint.root.begin());
  return checkpoint;
}

absl::StatusOr<std::string> SignCheckpoint(const Checkpoint& checkpoint, const crypto::NoteSigner& signer) {
  if (signer.name() != checkpoint.origin) return errors::CheckpointMalformed("the signer's name is not the origin");
  POSTERN_ASSIGN_OR_RETURN(const std::string text, EncodeCheckpoint(checkpoint));
  return signer.Sign(text);
}

absl::StatusOr<Checkpoint> OpenCheckpoint(absl::string_view note, absl::string_view verifier_key) {
  POSTERN_ASSIGN_OR_RETURN(const std::string text, crypto::OpenNote(note, verifier_key));
  return ParseCheckpoint(text);
}

}  // namespace postern::audit
