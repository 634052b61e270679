// check, store check|backup, keys list|rotate|check.
#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/ctl/commands.h"
#include "proto/postern/v1/maintenance_service.pb.h"

namespace postern::client::ctl {
namespace {

// kDifferences if there is anything that somebody should look at.
int Check(Session& session, const v1::RunSelfCheckRequest& request) {
  const auto gateway = session.Maintenance();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::RunSelfCheckResponse checked;
  const grpc::Status status = (*gateway)->RunSelfCheck(session.Call().get(), request, &checked);
  if (!status.ok()) return session.FailRpc(status);
  Table table({"SEVERITY", "AREA", "SUBJECT", "FINDING"});
  for (const v1::CheckFinding& finding : checked.findings()) {
    table.Add({ShortEnum(v1::CheckFinding::Severity_Name(finding.severity()), "SEVERITY_"),
               ShortEnum(v1::CheckFinding::Area_Name(finding.area()), "AREA_"), finding.subject(), finding.message()});
  }
  session.out().Result(checked, checked.findings().empty() ? "nothing found\n" : table.ToString());
  return checked.findings().empty() ? kOk : kDifferences;
}

int ListKeys(Session& session) {
  const auto gateway = session.Maintenance();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::ListKeyGenerationsResponse all;
  const grpc::Status status = (*gateway)->ListKeyGenerations(session.Call().get(), {}, &all);
  if (!status.ok()) return session.FailRpc(status);
  Table table({"GENERATION", "MADE", "DESTROYED", "ROOT", "MINORS ROOT"});
  for (const v1::KeyGeneration& generation : all.generations()) {
    table.Add({absl::StrCat(generation.number()), FormatTime(generation.create_time()),
               FormatTime(generation.destroy_time()), absl::StrCat(generation.root_version()),
               absl::StrCat(generation.minors_root_version())});
  }
  session.out().Result(all, table.ToString());
  return kOk;
}

int RotateKeys(Session& session, const v1::RotateKeysRequest& request) {
  const auto gateway = session.Maintenance();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::RotateKeysResponse rotated;
  const grpc::Status status = (*gateway)->RotateKeys(session.Call().get(), request, &rotated);
  if (!status.ok()) return session.FailRpc(status);
  session.out().Result(rotated, absl::StrCat("generation ", rotated.generation().number(),
                                             " started; living keys are wrapped anew in the background\n"));
  if (request.renew_roots()) session.out().Note("back up both root keysets now: without them nothing can be read\n");
  return kOk;
}

// Starts a backup and waits for its end, drawing progress.
int BackUp(Session& session, v1::Backup::Kind kind) {
  const auto gateway = session.Maintenance();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::StartBackupRequest request;
  request.set_kind(kind);
  v1::StartBackupResponse started;
  grpc::Status status = (*gateway)->StartBackup(session.Call().get(), request, &started);
  if (!status.ok()) return session.FailRpc(status);
  v1::GetBackupResponse now;
  absl::Duration pause = absl::Milliseconds(100);
  for (;;) {
    status = (*gateway)->GetBackup(session.Call().get(), {}, &now);
    if (!status.ok()) return session.FailRpc(status);
    if (now.backup().create_time().SerializeAsString() != started.backup().create_time().SerializeAsString()) {
      return session.Fail(absl::AbortedError("somebody started another backup; how this one ended is not known"));
    }
    if (now.backup().state() != v1::Backup::STATE_RUNNING) break;
    session.out().Progress("bytes copied", now.backup().bytes_done(), now.backup().bytes_total());
    // Every look is an entry of the audit log.
    absl::SleepFor(pause);
    pause = std::min(2 * pause, absl::Seconds(5));
  }
  session.out().EndProgress();
  const v1::Backup& backup = now.backup();
  if (backup.state() != v1::Backup::STATE_COMPLETE) return session.Fail(absl::UnavailableError(backup.error()));
  session.out().Result(now, absl::StrCat(backup.directory(), ": ", backup.manifest().size(), " bytes, SHA-256 ",
                                         absl::BytesToHexString(backup.manifest().sha256()), "\n"));
  return kOk;
}

v1::RunSelfCheckRequest Of(v1::CheckFinding::Area area) {
  v1::RunSelfCheckRequest request;
  request.add_areas(area);
  return request;
}

}  // namespace

void AddMaintenanceCommands(CLI::App& app, Session& session) {
  CLI::App* check = app.add_subcommand("check", "Let the gateway check itself; exit code 1 if there is any finding");
  session.OnRun(check, [&session] { return Check(session, {}); });

  CLI::App* store = app.add_subcommand("store", "The ledger")->require_subcommand(1);
  CLI::App* store_check = store->add_subcommand("check", "Read the whole ledger and its audit tree and compare them");
  session.OnRun(store_check, [&session] { return Check(session, Of(v1::CheckFinding::AREA_INTEGRITY)); });

  CLI::App* backup = store->add_subcommand(
      "backup", "Copy the ledger into the gateway's backup folder while it serves; posternd --restore puts it back");
  const auto kind = std::make_shared<v1::Backup::Kind>(v1::Backup::KIND_LEDGER);
  backup->add_flag_callback(
      "--keys", [kind] { *kind = v1::Backup::KIND_KEYS; }, "Copy the key store instead; keep the two apart");
  session.OnRun(backup, [&session, kind] { return BackUp(session, *kind); });

  AddStoreCommands(*store, session);

  CLI::App* keys = app.add_subcommand("keys", "The keys that wrap all others")->require_subcommand(1);
  CLI::App* list = keys->add_subcommand("list", "Generations, newest first");
  session.OnRun(list, [&session] { return ListKeys(session); });
  CLI::App* rotate = keys->add_subcommand("rotate", "Start a new generation now");
  const auto rotation = std::make_shared<v1::RotateKeysRequest>();
  rotate->add_flag_callback(
      "--renew-roots", [rotation] { rotation->set_renew_roots(true); },
      "Add a version to both root keysets first; back them up again afterwards");
  session.OnRun(rotate, [&session, rotation] { return RotateKeys(session, *rotation); });
  CLI::App* keys_check = keys->add_subcommand("check", "Unwrap every living key and look at the key files");
  session.OnRun(keys_check, [&session] { return Check(session, Of(v1::CheckFinding::AREA_KEYS)); });
}

}  // namespace postern::client::ctl
