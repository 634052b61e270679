#include "client/ctl/audit_log.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/ctl/source_folder.h"
#include "client/transport/status.h"
#include "client/verify/leaf.h"
#include "client/verify/tile_writer.h"
#include "proto/errors/error.h"

namespace postern::client::ctl {
namespace {

constexpr int kPage = 1000;
constexpr char kCheckpointFile[] = "/checkpoint";
constexpr char kVerifierKeyFile[] = "/log.vkey";

absl::StatusOr<std::string> ReadKey(const std::string& file) {
  POSTERN_ASSIGN_OR_RETURN(std::string key, ReadFile(file));
  while (!key.empty() && key.back() == '\n') key.pop_back();
  return key;
}

absl::StatusOr<TrustedCheckpoint> Open(std::string note, std::string key) {
  POSTERN_ASSIGN_OR_RETURN(verify::NoteVerifier verifier, verify::NoteVerifier::Parse(key));
  POSTERN_ASSIGN_OR_RETURN(verify::Checkpoint checkpoint, verify::OpenCheckpoint(note, verifier));
  return TrustedCheckpoint{std::move(checkpoint), std::move(verifier), std::move(note), std::move(key)};
}

absl::Status WriteFile(const std::string& path, absl::string_view content) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << content;
  out.close();
  if (out) return absl::OkStatus();
  return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, absl::StrCat("cannot write ", path), {{"file", path}});
}

}  // namespace

absl::StatusOr<TrustedCheckpoint> FetchCheckpoint(Session& session, v1::AuditService::StubInterface& audit,
                                                  const std::string& verifier_key_file) {
  v1::GetCheckpointResponse response;
  POSTERN_RETURN_IF_ERROR(FromGrpc(audit.GetCheckpoint(session.Call().get(), {}, &response)));
  std::string key = response.verifier_key();
  if (!verifier_key_file.empty()) {
    POSTERN_ASSIGN_OR_RETURN(key, ReadKey(verifier_key_file));
  }
  return Open(response.checkpoint(), std::move(key));
}

absl::Status FetchEntries(Session& session, v1::AuditService::StubInterface& audit, uint64_t size,
                          absl::FunctionRef<absl::Status(absl::string_view entry)> take) {
  for (uint64_t taken = 0; taken < size;) {
    v1::ListEntriesRequest request;
    request.set_start(taken);
    request.set_limit(static_cast<int>(std::min<uint64_t>(kPage, size - taken)));
    v1::ListEntriesResponse response;
    POSTERN_RETURN_IF_ERROR(FromGrpc(audit.ListEntries(session.Call().get(), request, &response)));
    if (response.leaves().empty()) return absl::DataLossError(absl::StrCat("the log ends at leaf ", taken));
    for (const std::string& leaf : response.leaves()) {
      POSTERN_RETURN_IF_ERROR(verify::ParseLeaf(leaf).status());
      POSTERN_RETURN_IF_ERROR(take(leaf));
    }
    taken += static_cast<uint64_t>(response.leaves_size());
    session.out().Progress("leaves", static_cast<int64_t>(taken), static_cast<int64_t>(size));
  }
  session.out().EndProgress();
  return absl::OkStatus();
}

absl::StatusOr<TrustedCheckpoint> ReadCheckpoint(const std::string& folder, const std::string& verifier_key_file) {
  POSTERN_ASSIGN_OR_RETURN(std::string note, ReadFile(folder + kCheckpointFile));
  POSTERN_ASSIGN_OR_RETURN(std::string key,
                           ReadKey(verifier_key_file.empty() ? folder + kVerifierKeyFile : verifier_key_file));
  return Open(std::move(note), std::move(key));
}

verify::TileLog OpenTiles(const std::string& folder, const verify::Checkpoint& checkpoint) {
  return verify::TileLog(checkpoint, [folder](const std::string& path) -> absl::StatusOr<std::string> {
    const absl::StatusOr<std::string> tile = ReadFile(absl::StrCat(folder, "/", path));
    // What the checkpoint promises and the folder lacks was taken away.
    if (!tile.ok()) return absl::DataLossError(absl::StrCat(path, " cannot be read"));
    return tile;
  });
}

absl::Status ExportTiles(Session& session, v1::AuditService::StubInterface& audit, const TrustedCheckpoint& trusted,
                         const std::string& folder) {
  verify::TileWriter writer([&folder](const std::string& path, absl::string_view bytes) {
    return WriteFile(absl::StrCat(folder, "/", path), bytes);
  });
  POSTERN_RETURN_IF_ERROR(FetchEntries(session, audit, trusted.checkpoint.size,
                                       [&writer](absl::string_view entry) { return writer.Add(entry); }));
  POSTERN_RETURN_IF_ERROR(writer.Finish());
  if (writer.Root() != trusted.checkpoint.root) {
    return absl::DataLossError("the leaves do not give the root that the checkpoint signs");
  }
  POSTERN_RETURN_IF_ERROR(WriteFile(folder + kVerifierKeyFile, trusted.verifier_key + "\n"));
  return WriteFile(folder + kCheckpointFile, trusted.note);
}

}  // namespace postern::client::ctl
