// The audit log as the audit commands get it: from a gateway, or offline from a folder of tiles.
#pragma once

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/ctl/session.h"
#include "client/verify/checkpoint.h"
#include "client/verify/signed_note.h"
#include "client/verify/tile_log.h"

namespace postern::client::ctl {

struct TrustedCheckpoint {
  verify::Checkpoint checkpoint;
  verify::NoteVerifier verifier;
  std::string note;          // as it was signed
  std::string verifier_key;  // that it was opened with
};

// Fetches the checkpoint and opens it: with the key in `verifier_key_file`, or, where none is given, with the key that
// the gateway names (which proves that the log agrees with itself, not whose it is).
absl::StatusOr<TrustedCheckpoint> FetchCheckpoint(Session& session, v1::AuditService::StubInterface& audit,
                                                  const std::string& verifier_key_file);

// The first `size` entries from the gateway, in order, with a progress bar.
absl::Status FetchEntries(Session& session, v1::AuditService::StubInterface& audit, uint64_t size,
                          absl::FunctionRef<absl::Status(absl::string_view entry)> take);

// A folder as `audit export` writes it: checkpoint, log.vkey and tile/. Opened with the key in `verifier_key_file`, or
// with log.vkey where none is given.
absl::StatusOr<TrustedCheckpoint> ReadCheckpoint(const std::string& folder, const std::string& verifier_key_file);
verify::TileLog OpenTiles(const std::string& folder, const verify::Checkpoint& checkpoint);

// Writes the log of the gateway into `folder`; the checkpoint comes last, when the entries gave its root.
absl::Status ExportTiles(Session& session, v1::AuditService::StubInterface& audit, const TrustedCheckpoint& trusted,
                         const std::string& folder);

}  // namespace postern::client::ctl
