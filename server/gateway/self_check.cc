#include "server/gateway/self_check.h"

#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "policy/language/compiler.h"
#include "proto/errors/error.h"
#include "server/audit/leaf.h"
#include "server/base/failpoint.h"
#include "server/gateway/people_check.h"
#include "server/identity/key_pair.h"
#include "server/registry/audit_entry.h"
#include "server/registry/contract_terms.h"
#include "server/registry/lifecycle.h"
#include "server/registry/times.h"

namespace postern::gateway {
namespace {

using v1::CheckFinding;

constexpr absl::Duration kFirstRun = absl::Minutes(10);
constexpr absl::Duration kEvery = absl::Hours(24);
constexpr absl::Duration kLook = absl::Minutes(1);
constexpr int kBlocksAStep = 64;
// Certificates and contracts: a warning a month before they end, an error in the last week. Certificates that live
// shorter than that are renewed by machines: what counts then is the last third, and the last tenth.
constexpr absl::Duration kSoon = absl::Hours(24 * 30);
constexpr absl::Duration kVerySoon = absl::Hours(24 * 7);
// Root keysets and signing keys are for people to renew.
constexpr absl::Duration kOldKeyFile = absl::Hours(24 * 365 * 2);
// Background work is behind only when it is that late.
constexpr absl::Duration kGrace = absl::Hours(24);
constexpr absl::Duration kClockSlack = absl::Minutes(2);

int64_t DaysOf(absl::Duration duration) {
  return absl::ToInt64Hours(duration) / 24;
}

// One run over the areas that were asked for.
class Checker {
 public:
  Checker(const SelfCheck::Parts& parts, v1::RunSelfCheckResponse* out)
      : parts_(parts), now_(parts.clock()), out_(out) {}

  void Look(CheckFinding::Area area) {
    area_ = area;
    switch (area) {
      case CheckFinding::AREA_INTEGRITY:
        return Integrity();
      case CheckFinding::AREA_KEYS:
        return Keys();
      case CheckFinding::AREA_EXPIRY:
        return Expiry();
      case CheckFinding::AREA_RETENTION:
        return Retention();
      case CheckFinding::AREA_CLOCK:
        return Clock();
      case CheckFinding::AREA_RIGHTS:
        return Rights();
      default:
        return;
    }
  }

 private:
  void Find(CheckFinding::Severity severity, absl::string_view subject, absl::string_view message) {
    CheckFinding* finding = out_->add_findings();
    finding->set_area(area_);
    finding->set_severity(severity);
    finding->set_subject(std::string(subject));
    finding->set_message(std::string(message));
  }
  bool Good(absl::string_view subject, const absl::Status& status) {
    if (!status.ok()) Find(CheckFinding::SEVERITY_ERROR, subject, status.message());
    return status.ok();
  }
  void Ends(absl::string_view subject, absl::string_view what, absl::Duration left, absl::Duration soon = kSoon,
            absl::Duration very_soon = kVerySoon) {
    if (left >= soon) return;
    const std::string when =
        left < absl::ZeroDuration() ? " has ended" : absl::StrCat(" ends in ", DaysOf(left), " days");
    Find(left < very_soon ? CheckFinding::SEVERITY_ERROR : CheckFinding::SEVERITY_WARNING, subject,
         absl::StrCat(what, when));
  }

  void Integrity() {
    Good("ledger", parts_.store->Check());
    Good("checkpoint", parts_.checkpoints->VerifyLedger());
  }

  void Keys() {
    absl::StatusOr<bool> more = true;
    for (int64_t after = 0; more.ok() && *more;) more = parts_.keys->CheckSome(&after, kBlocksAStep);
    Good("key_store", more.status());
    Generations();
    const config::Keys& files = parts_.config->keys();
    const std::pair<const char*, const std::string&> paths[] = {{"keys.root_keyset", files.root_keyset()},
                                                                {"keys.minors_root_keyset", files.minors_root_keyset()},
                                                                {"keys.notice_signing_key", files.notice_signing_key()},
                                                                {"keys.audit_signing_key", files.audit_signing_key()}};
    for (const auto& [name, path] : paths) {
      struct stat info {};
      if (stat(path.c_str(), &info) != 0) {
        Find(CheckFinding::SEVERITY_ERROR, name, "the file is missing: the gateway will not start again");
      } else if (now_ - absl::FromTimeT(info.st_mtime) > kOldKeyFile) {
        Find(CheckFinding::SEVERITY_WARNING, name, "was not renewed for two years");
      }
    }
  }

  void Generations() {
    const auto generations = parts_.keys->ListGenerations();
    if (!Good("key_store", generations.status())) return;
    const KeyRotation::Options& schedule = parts_.rotation->options();
    if (now_ - generations->front().created > schedule.life + kGrace) {
      Find(CheckFinding::SEVERITY_ERROR, "key_store", "a new generation of keys is overdue");
    }
    for (size_t i = 1; i < generations->size(); ++i) {
      const bool lives = (*generations)[i].destroyed == absl::InfiniteFuture();
      if (lives && now_ - (*generations)[i - 1].created > schedule.keep + kGrace) {
        Find(CheckFinding::SEVERITY_ERROR, "key_store",
             absl::StrCat("generation ", (*generations)[i].number, " should have been destroyed"));
      }
    }
  }

  void Expiry() {
    const config::Config& config = *parts_.config;
    Certificate("shop.key_pair", config.shop().key_pair());
    Certificate("partners.key_pair", config.partners().key_pair());
    Certificate("operators.key_pair", config.operators().key_pair());
    if (config.has_client_certificate()) Certificate("client_certificate", config.client_certificate());
    if (config.has_enrolment_ca()) Certificate("enrolment_ca", config.enrolment_ca());
    for (const config::Operator& person : config.people()) {
      absl::CivilDay until;
      if (!ParseDay(person.confidentiality_agreement().expires_on(), &until)) continue;
      // Not whose: this goes into the log, and a person's name is nothing for that. Without it the person has no role,
      // and nothing else is wrong.
      Ends("people", "a confidentiality agreement", absl::Hours(24) * (until - registry::UtcDay(now_)), kSoon,
           -absl::InfiniteDuration());
    }
    ForEachPartner([this](const storage::PartnerRow&, const std::vector<v1::Contract>& contracts) {
      for (const v1::Contract& contract : contracts) {
        const policy::ContractStanding standing = policy::StandingOn(contract, registry::UtcDay(now_));
        Ends(contract.name(), "the contract or one of its documents", absl::Hours(24) * standing.days_left);
      }
    });
  }

  void Certificate(absl::string_view subject, const config::KeyPair& files) {
    const auto pair = identity::LoadKeyPair(files.certificate_chain(), files.private_key(), now_);
    if (!Good(subject, pair.status())) return;
    const absl::Duration life = pair->not_after - pair->not_before;
    Ends(subject, "the certificate", pair->not_after - now_, std::min(kSoon, life / 3), std::min(kVerySoon, life / 10));
  }

  void Retention() {
    Good("ledger", CheckTerms(*parts_.store, now_,
                              [this](auto severity, auto subject, auto message) { Find(severity, subject, message); }));
    ForEachPartner([this](const storage::PartnerRow& row, const std::vector<v1::Contract>& contracts) {
      int hours = 0;
      for (const v1::Contract& contract : contracts) hours = std::max(hours, contract.delivery().max_pending_hours());
      const absl::Time bound = now_ - absl::Hours(hours) - kGrace;
      const auto overdue = parts_.store->ReadPendingOlderThan(row.id, 0, bound, 1);
      if (Good(row.partner.name(), overdue.status()) && !overdue->empty()) {
        Find(CheckFinding::SEVERITY_ERROR, row.partner.name(),
             "records wait for longer than the contract allows and were not destroyed");
      }
    });
    const auto campaigns = parts_.store->ListCampaigns(std::nullopt);
    if (!Good("ledger", campaigns.status())) return;
    for (const storage::CampaignRow& row : *campaigns) {
      if (row.campaign.overdue()) {
        Find(CheckFinding::SEVERITY_WARNING, row.campaign.name(), "the partner has not attested in time");
      }
    }
  }

  void Rights() {
    Good("ledger",
         CheckPeople(*parts_.store, *parts_.standings, now_,
                     [this](auto severity, auto subject, auto message) { Find(severity, subject, message); }));
  }

  // The log's last entry bears the latest time that this gateway has ever seen.
  void Clock() {
    const auto head = parts_.store->ReadTreeHead();
    if (!Good("ledger", head.status()) || head->size == 0) return;
    const auto leaves = parts_.store->ReadLeaves(head->size - 1, 1);
    if (!Good("ledger", leaves.status()) || leaves->empty()) return;
    const auto leaf = audit::DecodeLeaf(leaves->front());
    v1::AuditEntry entry;
    if (!Good("ledger", leaf.status()) || !entry.ParseFromString(leaf->metadata)) return;
    if (registry::ToTime(entry.time()) > now_ + kClockSlack) {
      Find(CheckFinding::SEVERITY_ERROR, "clock", "is behind the last entry of the audit log");
    }
  }

  // Partners that may get records, now or later, with their contracts as agreed.
  template <class Visit>
  void ForEachPartner(Visit visit) {
    const auto partners = parts_.store->ListPartners();
    if (!Good("ledger", partners.status())) return;
    for (const storage::PartnerRow& row : *partners) {
      if (!registry::KeepsGrants(row.partner.state())) continue;
      const auto contracts = registry::ReadTerms(*parts_.store, row.id);
      if (Good(row.partner.name(), contracts.status())) visit(row, *contracts);
    }
  }

  const SelfCheck::Parts& parts_;
  const absl::Time now_;
  v1::RunSelfCheckResponse* const out_;
  CheckFinding::Area area_ = CheckFinding::AREA_UNSPECIFIED;
};

void LogFinding(const base::Logger& log, const CheckFinding& finding) {
  const base::Logger::Fields fields = {{"area", base::PublicText::Token(CheckFinding::Area_Name(finding.area()))},
                                       {"subject", base::PublicText::ResourceName(finding.subject())},
                                       {"finding", base::PublicText::Token(finding.message())}};
  const bool error = finding.severity() == CheckFinding::SEVERITY_ERROR;
  error ? log.Error("self_check.finding", fields) : log.Warning("self_check.finding", fields);
}

}  // namespace

SelfCheck::SelfCheck(Parts parts)
    : parts_(std::move(parts)), next_(absl::Now() + kFirstRun), loop_(kLook, [this] { Round(); }) {}

void SelfCheck::Round() {
  if (absl::Now() < next_ && !base::FailpointSkips("self_check.wait")) return;
  const auto run = Run(registry::kGatewayPrincipal, {});
  if (ReasonOf(run.status()) == v1::ERROR_REASON_OVERLOADED) return;  // somebody asked just now
  next_ = absl::Now() + kEvery;
  if (!run.ok()) parts_.log->Error("self_check.failed", {{"error", base::ErrorText(run.status())}});
}

absl::StatusOr<v1::RunSelfCheckResponse> SelfCheck::Run(absl::string_view principal,
                                                        const v1::RunSelfCheckRequest& request) {
  if (!running_.TryLock()) return MakeError(v1::ERROR_REASON_OVERLOADED, "a self-check is running");
  v1::RunSelfCheckResponse response;
  Checker checker(parts_, &response);
  const bool all = request.areas().empty();
  for (int area = CheckFinding::AREA_INTEGRITY; area <= CheckFinding::Area_MAX; ++area) {
    const auto& areas = request.areas();
    const bool asked = all || std::find(areas.begin(), areas.end(), area) != areas.end();
    if (asked && !base::FailpointSkips("self_check.skip")) checker.Look(CheckFinding::Area(area));
  }
  running_.Unlock();

  std::stable_sort(response.mutable_findings()->begin(), response.mutable_findings()->end(),
                   [](const CheckFinding& a, const CheckFinding& b) { return a.severity() > b.severity(); });
  const absl::Time end = parts_.clock();
  registry::SetTime(end, response.mutable_time());
  int64_t errors = 0;
  for (const CheckFinding& finding : response.findings()) {
    errors += finding.severity() == CheckFinding::SEVERITY_ERROR ? 1 : 0;
    LogFinding(*parts_.log, finding);
  }
  const int64_t warnings = response.findings_size() - errors;
  if (all) {
    totals_.errors = errors;
    totals_.warnings = warnings;
    totals_.unix_seconds = absl::ToUnixSeconds(end);
  }
  std::vector<std::string> leaves;
  const registry::Act act{end, principal, ""};
  const std::string error_count = absl::StrCat(errors);
  const std::string warning_count = absl::StrCat(warnings);
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&leaves, v1::AuditEntry::KIND_LIFECYCLE, act, "self_check.finished",
                                               {{"errors", error_count}, {"warnings", warning_count}}));
  POSTERN_RETURN_IF_ERROR(parts_.store->AppendAudit(leaves).status());
  return response;
}

}  // namespace postern::gateway
