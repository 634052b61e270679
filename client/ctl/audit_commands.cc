// audit checkpoint, entries, verify, prove, export. Verification uses client/verify, which shares no code with the
// gateway.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/ctl/audit_log.h"
#include "client/ctl/commands.h"
#include "client/ctl/source_folder.h"
#include "client/transport/status.h"
#include "client/verify/checkpoint.h"
#include "client/verify/leaf.h"
#include "client/verify/merkle.h"
#include "client/verify/signed_note.h"
#include "proto/errors/error.h"
#include "proto/postern/v1/audit.pb.h"

namespace postern::client::ctl {
namespace {

constexpr int kPage = 1000;

struct AuditOptions {
  std::string verifier_key_file;
  std::string checkpoint_file;
  std::string tiles;
  uint64_t start = 0;
  int limit = 100;
  uint64_t leaf = 0;
};

absl::StatusOr<std::vector<verify::Hash>> ToHashes(const google::protobuf::RepeatedPtrField<std::string>& path) {
  std::vector<verify::Hash> hashes;
  for (const std::string& node : path) {
    if (node.size() != 32) return absl::DataLossError("a proof holds a hash of another size than 32 bytes");
    std::copy(node.begin(), node.end(), hashes.emplace_back().begin());
  }
  return hashes;
}

// Recomputes the root from every leaf up to the checkpoint's size.
absl::Status RecomputeLog(Session& session, v1::AuditService::StubInterface& audit,
                          const verify::Checkpoint& checkpoint) {
  verify::LogRecomputer log;
  POSTERN_RETURN_IF_ERROR(FetchEntries(session, audit, checkpoint.size, [&log](absl::string_view entry) {
    log.Add(entry);
    return absl::OkStatus();
  }));
  if (log.Root() != checkpoint.root)
    return absl::DataLossError("the leaves do not give the root that the checkpoint signs");
  return absl::OkStatus();
}

// An earlier checkpoint, kept outside the gateway, must be a prefix of the log.
absl::Status CheckEarlier(Session& session, v1::AuditService::StubInterface& audit, const TrustedCheckpoint& now,
                          const std::string& file) {
  POSTERN_ASSIGN_OR_RETURN(const std::string note, ReadFile(file));
  POSTERN_ASSIGN_OR_RETURN(const verify::Checkpoint earlier, verify::OpenCheckpoint(note, now.verifier));
  if (earlier.size > now.checkpoint.size)
    return absl::DataLossError("the log is shorter than the earlier checkpoint says");
  if (earlier.size == 0) return absl::OkStatus();
  v1::GetConsistencyProofRequest request;
  request.set_from_size(earlier.size);
  request.set_to_size(now.checkpoint.size);
  v1::GetConsistencyProofResponse response;
  POSTERN_RETURN_IF_ERROR(FromGrpc(audit.GetConsistencyProof(session.Call().get(), request, &response)));
  POSTERN_ASSIGN_OR_RETURN(const auto path, ToHashes(response.path()));
  return verify::VerifyConsistency(earlier.size, earlier.root, now.checkpoint.size, now.checkpoint.root, path);
}

int PrintVerified(Session& session, const AuditOptions& options, const verify::Checkpoint& checkpoint) {
  const std::string root =
      absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(checkpoint.root.data()), 32));
  session.out().Text(session.out().json()
                         ? absl::StrCat("{\"verified\":true,\"origin\":\"", checkpoint.origin,
                                        "\",\"size\":", checkpoint.size, ",\"root\":\"", root, "\"}\n")
                         : absl::StrCat("verified: ", checkpoint.size, " entries of ", checkpoint.origin, ", root ",
                                        root,
                                        options.verifier_key_file.empty()
                                            ? "\n(with the key that the log itself names; give --key-file "
                                              "to check whose log it is)\n"
                                            : "\n"));
  return kOk;
}

int VerifyTiles(Session& session, const AuditOptions& options) {
  const auto trusted = ReadCheckpoint(options.tiles, options.verifier_key_file);
  if (!trusted.ok()) return session.Fail(trusted.status());
  verify::TileLog log = OpenTiles(options.tiles, trusted->checkpoint);
  absl::Status status = log.Verify([&](uint64_t entries) {
    session.out().Progress("leaves", static_cast<int64_t>(entries), static_cast<int64_t>(trusted->checkpoint.size));
  });
  session.out().EndProgress();
  if (status.ok() && !options.checkpoint_file.empty()) {
    const auto note = ReadFile(options.checkpoint_file);
    if (!note.ok()) return session.Fail(note.status());
    const auto earlier = verify::OpenCheckpoint(*note, trusted->verifier);
    status = earlier.ok() ? log.ProveExtends(*earlier).status() : earlier.status();
  }
  return status.ok() ? PrintVerified(session, options, trusted->checkpoint) : session.Fail(status);
}

int Verify(Session& session, const AuditOptions& options) {
  if (!options.tiles.empty()) return VerifyTiles(session, options);
  const auto audit = session.Audit();
  if (!audit.ok()) return session.Fail(audit.status());
  const auto trusted = FetchCheckpoint(session, **audit, options.verifier_key_file);
  if (!trusted.ok()) return session.FailRemote(trusted.status());
  absl::Status status = RecomputeLog(session, **audit, trusted->checkpoint);
  if (status.ok() && !options.checkpoint_file.empty())
    status = CheckEarlier(session, **audit, *trusted, options.checkpoint_file);
  return status.ok() ? PrintVerified(session, options, trusted->checkpoint) : session.FailRemote(status);
}

int Export(Session& session, const AuditOptions& options) {
  const auto audit = session.Audit();
  if (!audit.ok()) return session.Fail(audit.status());
  const auto trusted = FetchCheckpoint(session, **audit, options.verifier_key_file);
  if (!trusted.ok()) return session.FailRemote(trusted.status());
  const absl::Status exported = ExportTiles(session, **audit, *trusted, options.tiles);
  if (!exported.ok()) return session.FailRemote(exported);
  session.out().Text(session.out().json()
                         ? absl::StrCat("{\"exported\":", trusted->checkpoint.size, "}\n")
                         : absl::StrCat("exported: ", trusted->checkpoint.size, " entries to ", options.tiles, "\n"));
  return kOk;
}

int PrintCheckpoint(Session& session) {
  const auto audit = session.Audit();
  if (!audit.ok()) return session.Fail(audit.status());
  v1::GetCheckpointResponse response;
  const grpc::Status status = (*audit)->GetCheckpoint(session.Call().get(), {}, &response);
  if (!status.ok()) return session.FailRpc(status);
  session.out().Result(response, response.checkpoint());
  return kOk;
}

int PrintEntries(Session& session, const AuditOptions& options) {
  const auto audit = session.Audit();
  if (!audit.ok()) return session.Fail(audit.status());
  v1::ListEntriesRequest request;
  request.set_start(options.start);
  request.set_limit(options.limit);
  v1::ListEntriesResponse response;
  const grpc::Status status = (*audit)->ListEntries(session.Call().get(), request, &response);
  if (!status.ok()) return session.FailRpc(status);
  Table table({"LEAF", "TIME", "KIND", "ACTION", "PRINCIPAL", "RESOURCE", "REASON", "COUNT"});
  uint64_t index = options.start;
  for (const std::string& leaf : response.leaves()) {
    const auto parsed = verify::ParseLeaf(leaf);
    v1::AuditEntry entry;
    if (!parsed.ok() || !entry.ParseFromArray(parsed->metadata.data(), static_cast<int>(parsed->metadata.size()))) {
      return session.Fail(absl::DataLossError(absl::StrCat("leaf ", index, " is not an audit entry")));
    }
    if (session.out().json()) {
      session.out().Text(absl::StrCat("{\"leaf\": ", index, ", \"entry\": ", ToJson(entry), "}\n"));
    }
    const auto action = entry.details().find("action");
    table.Add({absl::StrCat(index++), FormatTime(entry.time()),
               ShortEnum(v1::AuditEntry::Kind_Name(entry.kind()), "KIND_"),
               action == entry.details().end() ? entry.disclosure().purpose() : action->second, entry.principal(),
               entry.resource(), entry.reason(), absl::StrCat(std::max<int64_t>(entry.count(), 1))});
  }
  if (!session.out().json()) session.out().Text(table.ToString());
  return kOk;
}

// Prints a proof, which was verified.
int PrintProof(Session& session, const AuditOptions& options, const v1::GetInclusionProofResponse& proof) {
  session.out().Result(proof, absl::StrCat("leaf ", options.leaf, " is in the tree of ", proof.tree_size(), "\n"));
  return kOk;
}

int ProveInTiles(Session& session, const AuditOptions& options) {
  const auto trusted = ReadCheckpoint(options.tiles, options.verifier_key_file);
  if (!trusted.ok()) return session.Fail(trusted.status());
  const auto proven = OpenTiles(options.tiles, trusted->checkpoint).Prove(options.leaf);
  if (!proven.ok()) return session.Fail(proven.status());
  v1::GetInclusionProofResponse proof;
  proof.set_tree_size(trusted->checkpoint.size);
  const verify::Hash leaf = verify::LeafHash(proven->entry);
  proof.set_leaf_hash(std::string(leaf.begin(), leaf.end()));
  for (const verify::Hash& hash : proven->path) proof.add_path(std::string(hash.begin(), hash.end()));
  return PrintProof(session, options, proof);
}

int Prove(Session& session, const AuditOptions& options) {
  if (!options.tiles.empty()) return ProveInTiles(session, options);
  const auto audit = session.Audit();
  if (!audit.ok()) return session.Fail(audit.status());
  const auto trusted = FetchCheckpoint(session, **audit, options.verifier_key_file);
  if (!trusted.ok()) return session.FailRemote(trusted.status());
  v1::ListEntriesRequest entry_request;
  entry_request.set_start(options.leaf);
  entry_request.set_limit(1);
  v1::ListEntriesResponse entry;
  grpc::Status status = (*audit)->ListEntries(session.Call().get(), entry_request, &entry);
  if (!status.ok()) return session.FailRpc(status);
  if (entry.leaves_size() != 1)
    return session.FailRemote(absl::NotFoundError(absl::StrCat("there is no leaf ", options.leaf)));
  v1::GetInclusionProofRequest request;
  request.set_leaf_index(options.leaf);
  request.set_tree_size(trusted->checkpoint.size);
  v1::GetInclusionProofResponse proof;
  status = (*audit)->GetInclusionProof(session.Call().get(), request, &proof);
  if (!status.ok()) return session.FailRpc(status);
  const auto path = ToHashes(proof.path());
  if (!path.ok()) return session.FailRemote(path.status());
  const absl::Status verified = verify::VerifyInclusion(verify::LeafHash(entry.leaves(0)), options.leaf,
                                                        trusted->checkpoint.size, *path, trusted->checkpoint.root);
  if (!verified.ok()) return session.Fail(verified);
  return PrintProof(session, options, proof);
}

}  // namespace

void AddAuditCommands(CLI::App& app, Session& session) {
  const auto options = std::make_shared<AuditOptions>();
  CLI::App* audit = app.add_subcommand("audit", "Read and verify the audit log")->require_subcommand(1);
  session.OnRun(audit->add_subcommand("checkpoint", "The newest signed checkpoint"),
                [&session] { return PrintCheckpoint(session); });

  CLI::App* entries = audit->add_subcommand("entries", "Entries, oldest first");
  entries->add_option("--start", options->start, "First leaf");
  entries->add_option("--limit", options->limit, "How many")->check(CLI::Range(1, kPage));
  session.OnRun(entries, [&session, options] { return PrintEntries(session, *options); });

  CLI::App* verify =
      audit->add_subcommand("verify", "Recompute the whole log and check it against its signed checkpoint");
  verify->add_option("--key-file", options->verifier_key_file, "Verifier key of the log, got on a trusted way");
  verify->add_option("--since", options->checkpoint_file, "An earlier checkpoint that the log must extend");
  verify->add_option("--tiles", options->tiles, "Offline: a folder that audit export wrote");
  session.OnRun(verify, [&session, options] { return Verify(session, *options); });

  CLI::App* prove = audit->add_subcommand("prove", "Prove that a leaf is in the log");
  prove->add_option("leaf", options->leaf, "Index of the leaf")->required();
  prove->add_option("--key-file", options->verifier_key_file, "Verifier key of the log, got on a trusted way");
  prove->add_option("--tiles", options->tiles, "Offline: a folder that audit export wrote");
  session.OnRun(prove, [&session, options] { return Prove(session, *options); });

  CLI::App* tiles = audit->add_subcommand("export", "Write the log and its checkpoint into a folder, as C2SP tiles");
  tiles->add_option("folder", options->tiles, "The folder")->required();
  tiles->add_option("--key-file", options->verifier_key_file, "Verifier key of the log, got on a trusted way");
  session.OnRun(tiles, [&session, options] { return Export(session, *options); });
}

}  // namespace postern::client::ctl
