#include "client/ctl/campaign_export.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/ctl/audit_log.h"
#include "client/ctl/resources.h"
#include "client/ctl/source_folder.h"
#include "client/transport/status.h"
#include "client/verify/leaf.h"
#include "proto/errors/error.h"
#include "proto/postern/v1/audit.pb.h"

namespace postern::client::ctl {
namespace {

constexpr char kEvidenceFile[] = "/evidence.binpb";

absl::Status WriteFile(const std::string& path, absl::string_view content) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << content;
  out.close();
  if (out) return absl::OkStatus();
  return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, absl::StrCat("cannot write ", path), {{"file", path}});
}

absl::Status CollectLog(Session& session, v1::CampaignEvidence* evidence) {
  POSTERN_ASSIGN_OR_RETURN(v1::AuditService::StubInterface * audit, session.Audit());
  POSTERN_ASSIGN_OR_RETURN(const TrustedCheckpoint trusted, FetchCheckpoint(session, *audit, ""));
  evidence->set_checkpoint(trusted.note);
  const std::string& campaign = evidence->campaign().name();
  const std::string below = absl::StrCat(campaign, "/");
  uint64_t index = 0;
  POSTERN_RETURN_IF_ERROR(FetchEntries(session, *audit, trusted.checkpoint.size, [&](absl::string_view bytes) {
    const absl::StatusOr<verify::Leaf> leaf = verify::ParseLeaf(bytes);
    v1::AuditEntry entry;
    if (leaf.ok() && entry.ParseFromArray(leaf->metadata.data(), static_cast<int>(leaf->metadata.size())) &&
        (entry.resource() == campaign || absl::StartsWith(entry.resource(), below))) {
      v1::CampaignEvidence::LoggedEntry& logged = *evidence->add_entries();
      logged.set_index(index);
      logged.set_leaf(std::string(bytes));
    }
    ++index;
    return leaf.status();
  }));
  for (v1::CampaignEvidence::LoggedEntry& logged : *evidence->mutable_entries()) {
    v1::GetInclusionProofRequest request;
    request.set_leaf_index(logged.index());
    request.set_tree_size(trusted.checkpoint.size);
    v1::GetInclusionProofResponse proof;
    POSTERN_RETURN_IF_ERROR(FromGrpc(audit->GetInclusionProof(session.Call().get(), request, &proof)));
    *logged.mutable_path() = proof.path();
  }
  return absl::OkStatus();
}

std::string Escape(absl::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '&') {
      escaped += "&amp;";
    } else if (c == '<') {
      escaped += "&lt;";
    } else if (c == '>') {
      escaped += "&gt;";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string Row(const std::vector<std::string>& cells, const char* tag = "td") {
  std::string row = "<tr>";
  for (const std::string& cell : cells) absl::StrAppend(&row, "<", tag, ">", Escape(cell), "</", tag, ">");
  return row + "</tr>\n";
}

// What happened when: from the notices, and from the log where there is one.
std::vector<std::pair<int64_t, std::vector<std::string>>> Timeline(const v1::CampaignEvidence& evidence) {
  std::vector<std::pair<int64_t, std::vector<std::string>>> events;
  const auto add = [&events](const google::protobuf::Timestamp& time, std::string what, std::string who) {
    events.push_back(
        {time.seconds() * 1'000'000'000 + time.nanos(), {FormatTime(time), std::move(what), std::move(who)}});
  };
  for (const auto& logged : evidence.entries()) {
    const absl::StatusOr<verify::Leaf> leaf = verify::ParseLeaf(logged.leaf());
    v1::AuditEntry entry;
    if (!leaf.ok() || !entry.ParseFromArray(leaf->metadata.data(), static_cast<int>(leaf->metadata.size()))) continue;
    const auto action = entry.details().find("action");
    const std::string what = action == entry.details().end() ? v1::AuditEntry::Kind_Name(entry.kind()) : action->second;
    add(entry.time(), absl::StrCat(what, " ", entry.resource(), entry.reason().empty() ? "" : " ", entry.reason()),
        absl::StrCat(entry.principal(), ", log entry ", logged.index()));
  }
  if (events.empty()) {
    add(evidence.campaign().create_time(), "campaign created", "");
    for (const v1::DeletionNotice& notice : evidence.notices()) {
      add(notice.create_time(), absl::StrCat("issued ", notice.name()), "");
      if (notice.has_acknowledge_time()) add(notice.acknowledge_time(), absl::StrCat("received ", notice.name()), "");
      if (notice.has_attest_time()) add(notice.attest_time(), absl::StrCat("attested ", notice.name()), "");
    }
    if (evidence.campaign().has_close_time()) add(evidence.campaign().close_time(), "campaign closed", "");
  }
  std::stable_sort(events.begin(), events.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return events;
}

}  // namespace

absl::StatusOr<v1::CampaignEvidence> CollectEvidence(Session& session, const std::string& campaign, bool log) {
  POSTERN_ASSIGN_OR_RETURN(v1::OperatorService::StubInterface * gateway, session.Operator());
  v1::CampaignEvidence evidence;
  v1::GetPartnerRequest of_partner;
  of_partner.set_name(campaign.substr(0, campaign.find("/deletionCampaigns/")));
  v1::Partner partner;
  POSTERN_RETURN_IF_ERROR(FromGrpc(gateway->GetPartner(session.Call().get(), of_partner, &partner)));
  *evidence.mutable_attestation_keys() = partner.attestation_keys();
  v1::GetDeletionCampaignRequest get;
  get.set_name(campaign);
  // An answer that comes meanwhile is in both, or in neither.
  for (;;) {
    POSTERN_RETURN_IF_ERROR(
        FromGrpc(gateway->GetDeletionCampaign(session.Call().get(), get, evidence.mutable_campaign())));
    v1::ListCampaignNoticesRequest list;
    list.set_parent(campaign);
    list.set_page_size(100);
    v1::ListCampaignNoticesResponse notices;
    POSTERN_RETURN_IF_ERROR(
        FromGrpc(ListAll(session, *gateway, &v1::OperatorService::StubInterface::ListCampaignNotices, list, &notices)));
    v1::DeletionCampaign after;
    POSTERN_RETURN_IF_ERROR(FromGrpc(gateway->GetDeletionCampaign(session.Call().get(), get, &after)));
    if (after.SerializeAsString() != evidence.campaign().SerializeAsString()) continue;
    evidence.mutable_notices()->Swap(notices.mutable_notices());
    break;
  }
  evidence.mutable_export_time()->set_seconds(absl::ToUnixSeconds(absl::Now()));
  if (log) POSTERN_RETURN_IF_ERROR(CollectLog(session, &evidence));
  return evidence;
}

std::string EvidencePage(const v1::CampaignEvidence& evidence) {
  const v1::DeletionCampaign& campaign = evidence.campaign();
  std::string page = absl::StrCat(
      "<!doctype html>\n<meta charset=\"utf-8\">\n<title>", Escape(campaign.name()),
      "</title>\n<style>body{font:15px sans-serif;max-width:75em;margin:2em auto}table{border-collapse:collapse}"
      "td,th{border:1px solid #bbb;padding:.3em .6em;text-align:left}</style>\n<h1>Deletion campaign</h1>\n<table>\n");
  const auto fact = [&page](const char* name, std::string value) { page += Row({name, std::move(value)}); };
  fact("Campaign", campaign.name());
  fact("Cause", ShortEnum(v1::DeletionCampaign::Cause_Name(campaign.cause()), "CAUSE_"));
  fact("State", absl::StrCat(ShortEnum(v1::DeletionCampaign::State_Name(campaign.state()), "STATE_"),
                             campaign.overdue() ? ", overdue" : ""));
  fact("Began", FormatTime(campaign.create_time()));
  fact("Due", FormatTime(campaign.due_time()));
  fact("Closed", FormatTime(campaign.close_time()));
  fact("Things to delete", absl::StrCat(campaign.handle_count()));
  fact("Deleted", absl::StrCat(campaign.deleted_count()));
  fact("Not found", absl::StrCat(campaign.not_found_count()));
  fact("Kept on a ground", absl::StrCat(campaign.exempted_count()));
  fact("Answers refused", absl::StrCat(campaign.refused_count()));
  fact("Exported", FormatTime(evidence.export_time()));
  page += "</table>\n<h2>Notices</h2>\n<table>\n";
  page += Row({"Number", "State", "Things", "Issued", "Received", "Attested", "Amended", "SHA-256 of what was signed"},
              "th");
  for (const v1::DeletionNotice& notice : evidence.notices()) {
    page += Row({notice.name().substr(notice.name().rfind('/') + 1),
                 absl::StrCat(ShortEnum(v1::DeletionNotice::State_Name(notice.state()), "STATE_"),
                              notice.overdue() ? ", overdue" : ""),
                 absl::StrCat(notice.handle_count()), FormatTime(notice.create_time()),
                 FormatTime(notice.acknowledge_time()), FormatTime(notice.attest_time()),
                 absl::StrCat(notice.amended_attestations_size()), absl::BytesToHexString(notice.digest())});
  }
  page += "</table>\n<h2>What happened when</h2>\n<table>\n";
  for (const auto& [when, cells] : Timeline(evidence)) page += Row(cells);
  page +=
      "</table>\n<h2>How to check it</h2>\n<p>This page proves nothing. <code>posternctl campaign verify</code> checks "
      "the signatures in <code>evidence.binpb</code> beside it, given the gateway's notice key";
  absl::StrAppend(&page, evidence.entries().empty() ? "" : ", and the log's entries, given the log's key", ".</p>\n");
  return page;
}

absl::Status WriteEvidence(const std::string& folder, const v1::CampaignEvidence& evidence) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);  // an error shows at the next step
  POSTERN_RETURN_IF_ERROR(WriteFile(folder + kEvidenceFile, evidence.SerializeAsString()));
  return WriteFile(folder + "/index.html", EvidencePage(evidence));
}

absl::StatusOr<v1::CampaignEvidence> ReadEvidence(const std::string& folder) {
  POSTERN_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(folder + kEvidenceFile));
  v1::CampaignEvidence evidence;
  if (!evidence.ParseFromString(bytes)) return absl::DataLossError("evidence.binpb is no campaign's evidence");
  return evidence;
}

}  // namespace postern::client::ctl
