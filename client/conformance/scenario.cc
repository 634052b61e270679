#include "client/conformance/scenario.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/conformance/signed_notice.h"
#include "client/pki/authority.h"
#include "client/transport/request_id.h"

namespace postern::client::conformance {
namespace {

using Answer = Courier::Answer;
using Item = v1::DeletionNoticeStatement::Item;
using Statement = v1::DeletionAttestationStatement;

constexpr char kPurpose[] = "delivery";
constexpr int kMaxRetries = 5;

class Run {
 public:
  Run(const ScenarioOptions& options, Courier& courier, GatewaySide& side)
      : options_(options), courier_(courier), side_(side) {}

  Report Go() {
    const absl::Status open = courier_.Open(options_.patience);
    report_.Add("connects", open.ok(), std::string(open.message()));
    if (open.ok()) {
      Deliveries();
      Duplicates();
      BrokenConnection();
      const std::vector<std::string> faults = side_.StreamFaults();
      report_.Add("delivery.protocol", faults.empty(), absl::StrJoin(faults, "; "));
    }
    courier_.Terminate();
    Notices();
    ForgedNotice();
    return std::move(report_);
  }

 private:
  // A record of `key`; every call makes another disclosure.
  v1::DeliveredRecord Record(const std::string& key, uint64_t version = 0, absl::Duration age = absl::ZeroDuration()) {
    v1::DeliveredRecord record;
    record.set_disclosure(absl::StrCat(options_.partner, "/disclosures/", NewRequestId(absl::Now())));
    record.set_handle(HandleOf(key));
    record.set_purpose(kPurpose);
    record.mutable_record()->set_type(options_.record_type);
    record.mutable_record()->set_data(options_.record_data);
    record.set_record_version(version);
    record.mutable_create_time()->set_seconds(absl::ToUnixSeconds(absl::Now() - age));
    record.set_contract_revision(absl::StrCat(options_.partner, "/contracts/test/revisions/1"));
    record.set_policy_version("test");
    return record;
  }
  std::string HandleOf(const std::string& key) { return Sha256(salt_ + key); }
  std::optional<int> Copies(const std::string& key) const {
    if (!options_.copies) return std::nullopt;
    return options_.copies(absl::BytesToHexString(Sha256(salt_ + key)));
  }

  // Delivers, and again what the partner asks for again. False if something was left unanswered.
  bool DeliverAll(const std::string& check, std::vector<v1::DeliveredRecord> records) {
    bool retried = false;
    for (int round = 0;; ++round) {
      std::vector<Answer> answers;
      const absl::Status status = courier_.Deliver(records, options_.patience, &answers);
      if (!status.ok()) {
        report_.Wrong(check, std::string(status.message()));
        return false;
      }
      std::vector<v1::DeliveredRecord> again;
      int unanswered = 0;
      int rejected = 0;
      for (size_t i = 0; i < records.size(); ++i) {
        unanswered += answers[i] == Answer::kNone ? 1 : 0;
        rejected += answers[i] == Answer::kReject ? 1 : 0;
        if (answers[i] != Answer::kRetry) continue;
        again.push_back(records[i]);
        again.back().set_redelivered(true);
      }
      if (unanswered + rejected > 0) {
        report_.Wrong(check, absl::StrCat(unanswered, " of ", records.size(), " records were not answered and ",
                                          rejected, " were rejected"));
        return false;
      }
      if (again.empty()) break;
      retried = true;
      if (round == kMaxRetries) {
        report_.Wrong(check, "records were asked for again and again");
        return false;
      }
      records = std::move(again);
    }
    report_.Right(check);
    retries_seen_ = retries_seen_ || retried;
    return true;
  }
  void CheckCopies(const std::string& check, const std::map<std::string, int>& expected) {
    std::string seen;
    for (const auto& [key, count] : expected) {
      const std::optional<int> copies = Copies(key);
      if (!copies) return report_.NotLookedAt(check, "nothing tells what is stored");
      if (*copies != count) absl::StrAppend(&seen, seen.empty() ? "" : "; ", *copies, " copies instead of ", count);
    }
    report_.Add(check, seen.empty(), seen);
  }

  void Deliveries() {
    // What was authorised earlier may come later: order holds within a key alone.
    std::vector<v1::DeliveredRecord> records = {Record("a", 1), Record("b", 1, absl::Hours(1)), Record("c", 1),
                                                Record("a", 2), Record("e", 1, absl::Hours(2))};
    first_ = records[0];
    if (!DeliverAll("delivery.acknowledged", std::move(records))) {
      return report_.NotLookedAt("delivery.stored", "not everything was acknowledged");
    }
    // At the moment of the acknowledgement, not some time after it. Of two versions a partner may keep the last alone.
    std::string missing;
    for (const char* key : {"a", "b", "c", "e"}) {
      const std::optional<int> copies = Copies(key);
      if (!copies) return report_.NotLookedAt("delivery.stored", "nothing tells what is stored");
      if (*copies == 0) missing = "a record was acknowledged before it was stored";
    }
    report_.Add("delivery.stored", missing.empty(), missing);
  }
  void Duplicates() {
    absl::SleepFor(absl::Milliseconds(200));
    const std::optional<int> before = Copies("a");
    first_.set_redelivered(true);
    if (!DeliverAll("duplicate.acknowledged", {first_})) return;
    absl::SleepFor(absl::Milliseconds(200));
    if (!before) return report_.NotLookedAt("duplicate.stored_once", "nothing tells what is stored");
    report_.Add("duplicate.stored_once", Copies("a") == before, "a record that came again was stored again");
  }
  void BrokenConnection() {
    std::vector<v1::DeliveredRecord> records = {Record("d", 1), Record("b", 2)};
    if (!courier_.Break(records).ok()) return report_.NotLookedAt("reconnect", "there was no connection to break");
    const absl::Status open = courier_.Open(options_.patience);
    report_.Add("reconnect", open.ok(), std::string(open.message()));
    if (!open.ok()) return;
    for (v1::DeliveredRecord& record : records) record.set_redelivered(true);
    if (DeliverAll("redelivery.acknowledged", records)) CheckCopies("redelivery.stored_once", {{"d", 1}});
    if (retries_seen_) {
      report_.Right("redelivery.after_refusal");
    } else {
      report_.NotLookedAt("redelivery.after_refusal", "nothing was asked for again");
    }
  }

  Item ItemOf(const std::string& key) {
    Item item;
    item.set_handle(HandleOf(key));
    item.set_purpose(kPurpose);
    item.set_record_type(options_.record_type);
    return item;
  }
  // Why the notice has no believable attestation.
  std::string WhyOpen(const std::string& notice) {
    for (const GatewaySide::Refusal& refusal : side_.Refusals()) {
      if (refusal.notice == notice) return absl::StrCat("its attestation was refused: ", refusal.reason);
    }
    return side_.Notice(notice).has_acknowledge_time() ? "it acknowledged the notice and did not attest it"
                                                       : "it did not fetch the notice";
  }
  bool Attested(const std::string& check, const std::string& notice) {
    const bool attested = side_.AwaitAttested(notice, 1, options_.patience);
    report_.Add(check, attested, attested ? "" : WhyOpen(notice));
    return attested;
  }
  Statement Said(const std::string& notice) {
    Statement said;
    said.ParseFromString(side_.Notice(notice).attestation().payload());
    return said;
  }

  void Notices() {
    const auto first = SignNotice(options_.partner, 1, {ItemOf("a"), ItemOf("never"), ItemOf("b")},
                                  options_.notice_key_pem, /*overdue=*/false);
    const auto second =
        SignNotice(options_.partner, 2, {ItemOf("c"), ItemOf("d")}, options_.notice_key_pem, /*overdue=*/true);
    if (!first.ok() || !second.ok()) return report_.NotLookedAt("notice", "the notice key signs nothing");
    side_.SetEnumerating(true);
    side_.LoseNextReply();
    side_.AddNotice(*first);
    const bool attested = Attested("notice.attested", first->name());
    report_.Add("notice.acknowledged", side_.Notice(first->name()).has_acknowledge_time(),
                "it attested without saying that it received the notice");
    if (!attested) {
      for (const char* check : {"notice.repeated_after_lost_reply", "notice.honest", "notice.later_page"}) {
        report_.NotLookedAt(check, "the first notice is not attested");
      }
      return;
    }
    report_.Add("notice.repeated_after_lost_reply", side_.replies_lost() == 1, "the first answer was never sent");
    const Statement said = Said(first->name());
    for (const Statement::HandleOutcome& outcome : said.outcomes()) {
      if (outcome.handle() != HandleOf("never")) continue;
      report_.Add("notice.honest", outcome.result() == Statement::RESULT_NOT_FOUND,
                  "it says that it deleted something that it never had");
    }
    side_.AddNotice(*second);
    side_.SetEnumerating(false);
    if (Attested("notice.later_page", second->name())) {
      report_.Right("notice.overdue_answered");
    }
    CheckDeleted(first->name(), {"a", "b"});
    Amendment(first->name());
  }
  void CheckDeleted(const std::string& notice, const std::vector<std::string>& keys) {
    std::string kept;
    const Statement said = Said(notice);
    for (const std::string& key : keys) {
      for (const Statement::HandleOutcome& outcome : said.outcomes()) {
        if (outcome.handle() != HandleOf(key) || outcome.result() != Statement::RESULT_DELETED) continue;
        const std::optional<int> copies = Copies(key);
        if (!copies) return report_.NotLookedAt("notice.deleted", "nothing tells what is stored");
        if (*copies > 0) kept = "it still has what it says it deleted";
      }
    }
    report_.Add("notice.deleted", kept.empty(), kept);
  }
  void Amendment(const std::string& notice) {
    bool exempted = false;
    const Statement said = Said(notice);
    for (const Statement::HandleOutcome& outcome : said.outcomes()) {
      exempted = exempted || outcome.result() == Statement::RESULT_EXEMPTED;
    }
    if (!exempted) return report_.NotLookedAt("notice.amended", "nothing was kept on a ground");
    const bool amended = side_.AwaitAttested(notice, 2, options_.patience);
    report_.Add("notice.amended", amended, amended ? "" : WhyOpen(notice));
  }
  // The last one: a partner may well stop at it.
  void ForgedNotice() {
    const auto other = NewSigningKey(SigningAlgorithm::kEd25519);
    if (!other.ok()) return;
    const auto forged = SignNotice(options_.partner, 3, {ItemOf("e")}, other->private_key, /*overdue=*/false);
    if (!forged.ok()) return;
    side_.AddNotice(*forged);
    side_.SetEnumerating(true);  // asks it to look again
    const bool fooled = side_.AwaitAttested(forged->name(), 1, std::min(options_.patience, absl::Seconds(3)));
    report_.Add("forged.not_attested", !fooled, "it attested a notice that the gateway did not sign");
    const std::optional<int> copies = Copies("e");
    if (!copies) return report_.NotLookedAt("forged.not_deleted", "nothing tells what is stored");
    report_.Add("forged.not_deleted", *copies > 0, "it deleted on a notice that the gateway did not sign");
  }

  const ScenarioOptions& options_;
  Courier& courier_;
  GatewaySide& side_;
  const std::string salt_ = NewRequestId(absl::Now());
  v1::DeliveredRecord first_;
  bool retries_seen_ = false;
  Report report_;
};

}  // namespace

Report RunScenario(const ScenarioOptions& options, Courier& courier, GatewaySide& side) {
  return Run(options, courier, side).Go();
}

}  // namespace postern::client::conformance
