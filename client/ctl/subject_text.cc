#include "client/ctl/subject_text.h"

#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/ctl/output.h"

namespace postern::client::ctl {
namespace {

std::string StateOf(const v1::SubjectRequest& request) {
  std::string state = ShortEnum(v1::SubjectRequest::State_Name(request.state()), "STATE_");
  if (request.state() == v1::SubjectRequest::STATE_DENIED) {
    absl::StrAppend(&state, "/",
                    ShortEnum(v1::SubjectRequest::DenialReason_Name(request.denial_reason()), "DENIAL_REASON_"));
  }
  if (request.wait_reason() != v1::SubjectRequest::WAIT_REASON_UNSPECIFIED) {
    absl::StrAppend(&state, ": ",
                    ShortEnum(v1::SubjectRequest::WaitReason_Name(request.wait_reason()), "WAIT_REASON_"));
  }
  return request.overdue() ? absl::StrCat(state, ", overdue") : state;
}

}  // namespace

v1::SubjectRef PersonOf(const std::string& text) {
  v1::SubjectRef ref;
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "id:")) {
    ref.set_id(std::string(rest));
  } else if (absl::ConsumePrefix(&rest, "contact:")) {
    ref.set_contact(std::string(rest));
  } else {
    ref.set_name(text);
  }
  return ref;
}

std::string TextOf(const v1::UseScope& scope) {
  if (scope.has_category()) return absl::StrCat("category ", scope.category());
  if (scope.has_purpose()) return absl::StrCat("purpose ", scope.purpose());
  return "everything";
}

std::string TextOf(const v1::RecallEffect& effect) {
  return absl::StrCat(effect.withdrawn_count(), " waiting records withdrawn, ", effect.held_count(),
                      " held by partners", effect.partners().empty() ? "" : ": ",
                      absl::StrJoin(effect.partners(), ", "), "\n");
}

std::string TextOf(const v1::Subject& subject) {
  std::string text = absl::StrCat("Name:         ", subject.name(), "\n");
  for (const v1::Consent& consent : subject.consents()) {
    absl::StrAppend(&text, "Consent:      ", TextOf(consent.scope()), consent.granted() ? " given " : " withdrawn ",
                    FormatTime(consent.time()), "\n");
  }
  for (const v1::Restriction& restriction : subject.restrictions()) {
    absl::StrAppend(&text, "Closed:       ", TextOf(restriction.scope()), " by ",
                    ShortEnum(v1::Restriction::Ground_Name(restriction.ground()), "GROUND_"), " ",
                    FormatTime(restriction.time()), "\n");
  }
  for (const v1::GuardianLink& link : subject.guardians()) {
    absl::StrAppend(&text, "Guardian:     ", link.guardian(), " until ", FormatTime(link.until_time()), "\n");
  }
  for (const v1::LegalHold& hold : subject.legal_holds()) {
    absl::StrAppend(&text, "Legal hold:   ", hold.id(), " until ", FormatTime(hold.end_time()), ": ", hold.ground(),
                    "\n");
  }
  if (subject.has_suppression()) {
    absl::StrAppend(&text, "Erased:       ", FormatTime(subject.suppression().time()), " by ",
                    subject.suppression().subject_request(), "\n");
  }
  return text;
}

std::string TextOf(const v1::SubjectRequest& request) {
  std::string text =
      absl::StrCat("Name:         ", request.name(),
                   "\nKind:         ", ShortEnum(v1::SubjectRequest::Kind_Name(request.kind()), "KIND_"),
                   "\nState:        ", StateOf(request), "\nReceived:     ", FormatTime(request.receive_time()),
                   "\nExpected by:  ", FormatTime(request.expected_by()), "\n");
  if (!request.guardian().empty()) absl::StrAppend(&text, "Asked by:     guardian ", request.guardian(), "\n");
  if (request.has_verification()) {
    absl::StrAppend(&text, "Verified:     ", request.verification().method(), ", ",
                    FormatTime(request.verification().time()), "\n");
  }
  if (request.has_hold_end_time()) {
    absl::StrAppend(&text, "Held until:   ", FormatTime(request.hold_end_time()), ": ", request.hold_ground(), "\n");
  }
  if (request.has_effective_time()) {
    absl::StrAppend(
        &text, "Effective:    ", FormatTime(request.effective_time()), "\nFinal:        ",
        request.final() ? "yes" : absl::StrCat("when key generation ", request.final_generation(), " is destroyed"),
        "\n");
  }
  if (request.partners().empty()) return text;
  Table table({"PARTNER", "STATE", "RECORDS", "DELETED", "NOT FOUND", "EXEMPTED", "DUE"});
  for (const v1::PartnerProgress& partner : request.partners()) {
    table.Add({partner.partner(), ShortEnum(v1::DeletionCampaign::State_Name(partner.state()), "STATE_"),
               absl::StrCat(partner.handle_count()), absl::StrCat(partner.deleted_count()),
               absl::StrCat(partner.not_found_count()), absl::StrCat(partner.exempted_count()),
               FormatTime(partner.due_time())});
  }
  return absl::StrCat(text, table.ToString());
}

std::string TextOf(const v1::GetAccessReportResponse& report) {
  std::string text = absl::StrCat("Who received what about you, as of ", FormatTime(report.create_time()), "\n\n");
  for (const v1::Subject& subject : report.subjects()) absl::StrAppend(&text, TextOf(subject));
  for (const v1::AccessEntry& entry : report.entries()) {
    const v1::Disclosure& disclosure = entry.disclosure();
    absl::StrAppend(&text, "\n", FormatTime(disclosure.create_time()), "  ", entry.legal_entity(), " (",
                    entry.partner(), ")\n  for ", disclosure.purpose(), ", under ", disclosure.contract_revision(),
                    ", privacy policy ", disclosure.policy_version(),
                    "\n  state: ", ShortEnum(v1::DisclosureState_Name(disclosure.state()), "DISCLOSURE_STATE_"), "\n");
    std::map<std::string, std::vector<std::string>> by_category;
    for (const auto& field : entry.fields()) by_category[field.category()].push_back(field.path());
    for (const auto& [category, paths] : by_category) {
      absl::StrAppend(&text, "  ", category.empty() ? "unclassified" : category, ": ", absl::StrJoin(paths, ", "),
                      "\n");
    }
    absl::StrAppend(&text, "  proof: entry ", disclosure.audit().leaf_index(), " of ", disclosure.audit().origin(),
                    entry.inclusion_path().empty() ? ", not in a checkpoint yet" : "", "\n");
  }
  if (report.entries().empty()) absl::StrAppend(&text, "\nNothing was disclosed.\n");
  return text;
}

}  // namespace postern::client::ctl
