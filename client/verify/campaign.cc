#include "client/verify/campaign.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include <openssl/evp.h>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/verify/checkpoint.h"
#include "client/verify/dsse.h"
#include "client/verify/leaf.h"
#include "client/verify/merkle.h"
#include "proto/errors/error.h"
#include "proto/postern/v1/audit.pb.h"

namespace postern::client::verify {
namespace {

using Attestation = v1::DeletionAttestationStatement;
using Campaign = v1::DeletionCampaign;

constexpr char kNoticeType[] = "application/vnd.postern.deletion-notice.v1+protobuf";
constexpr char kAttestationType[] = "application/vnd.postern.deletion-attestation.v1+protobuf";
// How far the partner's clock may be behind or ahead of the gateway's.
constexpr absl::Duration kClockSkew = absl::Minutes(5);

absl::Status Unfit(absl::string_view where, absl::string_view what) {
  return absl::DataLossError(absl::StrCat(where, ": ", what));
}

std::string Sha256(absl::string_view bytes) {
  std::string digest(32, '\0');
  EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr, EVP_sha256(),
             nullptr);
  return digest;
}

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

absl::Status CheckSigned(const v1::SignedEnvelope& envelope, absl::string_view type,
                         absl::Span<const PublicKey> trusted, absl::string_view where) {
  if (envelope.payload_type() != type) return Unfit(where, "the envelope is of another type");
  std::vector<SignatureView> signatures;
  for (const auto& one : envelope.signatures()) signatures.push_back({one.key_id(), one.signature()});
  const auto key = VerifyEnvelope(envelope.payload_type(), envelope.payload(), signatures, trusted);
  return key.ok() ? absl::OkStatus() : Unfit(where, "no trusted key signed this");
}

class Verifier {
 public:
  Verifier(const v1::CampaignEvidence& evidence, absl::Span<const PublicKey> notice_keys)
      : evidence_(evidence), notice_keys_(notice_keys) {}

  absl::StatusOr<CampaignFindings> Run(const NoteVerifier* log) {
    const std::string& name = evidence_.campaign().name();
    const size_t end = name.find("/deletionCampaigns/");
    if (end == std::string::npos) return Unfit(name, "is not the name of a campaign");
    partner_ = name.substr(0, end);
    for (const v1::AttestationKey& key : evidence_.attestation_keys()) {
      POSTERN_ASSIGN_OR_RETURN(PublicKey parsed, PublicKey::FromPem(key.public_key_pem()));
      partner_keys_.push_back(std::move(parsed));
    }
    for (int i = 0; i < evidence_.notices_size(); ++i) {
      POSTERN_RETURN_IF_ERROR(CheckNotice(evidence_.notices(i), i + 1));
    }
    POSTERN_RETURN_IF_ERROR(CheckCampaign());
    if (log != nullptr) POSTERN_RETURN_IF_ERROR(CheckLog(*log));
    return findings_;
  }

 private:
  absl::Status CheckNotice(const v1::DeletionNotice& notice, int number) {
    const std::string expected = absl::StrCat(evidence_.campaign().name(), "/notices/", number);
    if (notice.name() != expected) return Unfit(notice.name(), absl::StrCat("stands where ", expected, " belongs"));
    POSTERN_RETURN_IF_ERROR(CheckSigned(notice.envelope(), kNoticeType, notice_keys_, notice.name()));
    v1::DeletionNoticeStatement asked;
    if (!asked.ParseFromString(notice.envelope().payload())) return Unfit(notice.name(), "the payload is no notice");
    if (asked.notice() != notice.name() || asked.partner() != partner_ || asked.page() != number ||
        asked.cause() != evidence_.campaign().cause()) {
      return Unfit(notice.name(), "was signed as another notice, or of another campaign");
    }
    if (notice.digest() != Sha256(notice.envelope().payload())) {
      return Unfit(notice.name(), "its digest is not that of what was signed");
    }
    if (findings_.origin.empty()) findings_.origin = asked.origin();
    if (asked.origin() != findings_.origin) return Unfit(notice.name(), "another gateway issued it");
    std::set<std::string> handles;
    for (const auto& item : asked.items()) {
      if (!handles.insert(item.handle()).second) return Unfit(notice.name(), "names a handle twice");
      // A handle comes again only where the partner kept it on a ground, which has ended.
      const auto before = outcomes_.find(item.handle());
      if (before != outcomes_.end() && before->second != Attestation::RESULT_EXEMPTED) {
        return Unfit(notice.name(), "names a handle of an earlier notice");
      }
      outcomes_[item.handle()] = std::nullopt;
    }
    ++findings_.notices;
    switch (notice.state()) {
      case v1::DeletionNotice::STATE_ATTESTED:
        ++findings_.attested;
        return CheckAnswers(notice, asked, handles);
      case v1::DeletionNotice::STATE_ATTESTED_BY_DOCUMENT:
        ++findings_.attested_by_document;
        for (const std::string& handle : handles) outcomes_[handle] = Attestation::RESULT_DELETED;
        return absl::OkStatus();
      default:
        return notice.has_attestation() ? Unfit(notice.name(), "has an attestation that does not count")
                                        : absl::OkStatus();
    }
  }

  // The first answer and what amends it, oldest first: each names the one before it by digest.
  absl::Status CheckAnswers(const v1::DeletionNotice& notice, const v1::DeletionNoticeStatement& asked,
                            const std::set<std::string>& handles) {
    std::optional<Attestation> before;
    std::string digest;
    for (const v1::SignedEnvelope* given : Answers(notice)) {
      Attestation said;
      POSTERN_RETURN_IF_ERROR(CheckAttestation(notice, asked, handles, *given, &said));
      if (said.amends() != digest) return Unfit(notice.name(), "an attestation amends another than the one before it");
      if (before) POSTERN_RETURN_IF_ERROR(CheckAmendment(notice.name(), *before, said));
      digest = Sha256(given->payload());
      before = std::move(said);
    }
    findings_.amendments += notice.amended_attestations_size();
    return absl::OkStatus();
  }

  static std::vector<const v1::SignedEnvelope*> Answers(const v1::DeletionNotice& notice) {
    std::vector<const v1::SignedEnvelope*> answers;
    for (const v1::SignedEnvelope& amended : notice.amended_attestations()) answers.push_back(&amended);
    answers.push_back(&notice.attestation());
    return answers;
  }

  static absl::Status CheckAmendment(const std::string& name, const Attestation& before, const Attestation& said) {
    if (ToTime(said.attest_time()) < ToTime(before.attest_time())) {
      return Unfit(name, "an amendment is older than what it amends");
    }
    std::map<std::string, Attestation::Result> then;
    for (const auto& outcome : before.outcomes()) then[outcome.handle()] = outcome.result();
    for (const auto& outcome : said.outcomes()) {
      const Attestation::Result was = then[outcome.handle()];
      if (was == Attestation::RESULT_EXEMPTED ? outcome.result() == Attestation::RESULT_NOT_FOUND
                                              : outcome.result() != was) {
        return Unfit(name, "an amendment takes back what was attested");
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckAttestation(const v1::DeletionNotice& notice, const v1::DeletionNoticeStatement& asked,
                                const std::set<std::string>& handles, const v1::SignedEnvelope& given,
                                Attestation* parsed) {
    POSTERN_RETURN_IF_ERROR(
        CheckSigned(given, kAttestationType, partner_keys_, absl::StrCat(notice.name(), " attestation")));
    Attestation& said = *parsed;
    if (!said.ParseFromString(given.payload())) {
      return Unfit(notice.name(), "the attestation's payload is none");
    }
    if (said.notice() != notice.name() || said.partner() != partner_) {
      return Unfit(notice.name(), "the attestation is for another notice or partner");
    }
    if (said.notice_digest() != notice.digest()) return Unfit(notice.name(), "the attestation embeds another digest");
    if (ToTime(said.attest_time()) < ToTime(asked.issue_time()) - kClockSkew) {
      return Unfit(notice.name(), "the attestation is older than the notice");
    }
    if (ToTime(said.attest_time()) > ToTime(notice.attest_time()) + kClockSkew) {
      return Unfit(notice.name(), "the attestation was given before its own time");
    }
    std::set<std::string> answered;
    for (const auto& outcome : said.outcomes()) {
      if (handles.count(outcome.handle()) == 0) return Unfit(notice.name(), "the attestation names a foreign handle");
      if (!answered.insert(outcome.handle()).second) return Unfit(notice.name(), "a handle has two outcomes");
      if (outcome.result() == Attestation::RESULT_EXEMPTED && (outcome.ground().empty() || !outcome.has_until())) {
        return Unfit(notice.name(), "an exemption has no ground or no end");
      }
      if (outcome.result() == Attestation::RESULT_UNSPECIFIED) return Unfit(notice.name(), "an outcome says nothing");
      outcomes_[outcome.handle()] = outcome.result();
    }
    if (answered.size() != handles.size()) return Unfit(notice.name(), "the attestation leaves handles out");
    return absl::OkStatus();
  }

  // The campaign's own numbers and state against what was signed.
  absl::Status CheckCampaign() {
    for (const auto& [handle, result] : outcomes_) {
      ++findings_.handles;
      if (!result) ++findings_.open;
      if (result == Attestation::RESULT_DELETED) ++findings_.deleted;
      if (result == Attestation::RESULT_NOT_FOUND) ++findings_.not_found;
      if (result == Attestation::RESULT_EXEMPTED) ++findings_.exempted;
    }
    const Campaign& campaign = evidence_.campaign();
    const int64_t attested = findings_.attested + findings_.attested_by_document;
    if (campaign.notice_count() != findings_.notices) return Unfit(campaign.name(), "notices are missing");
    if (campaign.attested_count() != attested) return Unfit(campaign.name(), "counts other attestations");
    const bool closed = campaign.state() == Campaign::STATE_CLOSED;
    const bool exempted = campaign.state() == Campaign::STATE_EXEMPTED;
    if ((closed || exempted) && (!campaign.enumeration_done() || findings_.open > 0)) {
      return Unfit(campaign.name(), "is closed with handles open");
    }
    if (closed && findings_.exempted > 0) return Unfit(campaign.name(), "is closed with handles kept");
    findings_.complete = closed && findings_.attested_by_document == 0;
    return absl::OkStatus();
  }

  absl::Status CheckLog(const NoteVerifier& log) {
    if (evidence_.entries().empty()) return Unfit("the log", "the evidence has no entries of it");
    POSTERN_ASSIGN_OR_RETURN(const Checkpoint checkpoint, OpenCheckpoint(evidence_.checkpoint(), log));
    if (checkpoint.origin != findings_.origin && findings_.notices > 0) {
      return Unfit("the log", "is another gateway's than the notices");
    }
    std::optional<uint64_t> last;
    for (const auto& entry : evidence_.entries()) {
      const std::string where = absl::StrCat("entry ", entry.index());
      if (last && entry.index() <= *last) return Unfit(where, "is out of order");
      last = entry.index();
      std::vector<Hash> path;
      for (const std::string& node : entry.path()) {
        if (node.size() != 32) return Unfit(where, "a hash of its proof has another size than 32 bytes");
        std::copy(node.begin(), node.end(), path.emplace_back().begin());
      }
      POSTERN_RETURN_IF_ERROR(
          VerifyInclusion(LeafHash(entry.leaf()), entry.index(), checkpoint.size, path, checkpoint.root));
      POSTERN_ASSIGN_OR_RETURN(const Leaf leaf, ParseLeaf(entry.leaf()));
      v1::AuditEntry said;
      if (!said.ParseFromArray(leaf.metadata.data(), static_cast<int>(leaf.metadata.size()))) {
        return Unfit(where, "its metadata does not parse");
      }
      const auto detail = [&said](const char* key) {
        const auto found = said.details().find(key);
        return found == said.details().end() ? std::string() : found->second;
      };
      logged_.insert({said.resource(), detail("action"), detail("digest")});
      ++findings_.entries;
    }
    const std::string& name = evidence_.campaign().name();
    if (!Logged(name, "campaign.created", "")) return Unfit(name, "the log does not say that it was created");
    for (const v1::DeletionNotice& notice : evidence_.notices()) {
      if (!Logged(notice.name(), "notice.issued", absl::BytesToHexString(notice.digest()))) {
        return Unfit(notice.name(), "the log does not say that it was issued so");
      }
      if (notice.state() != v1::DeletionNotice::STATE_ATTESTED) continue;
      const char* action = "notice.attested";
      for (const v1::SignedEnvelope* given : Answers(notice)) {
        if (!Logged(notice.name(), action, absl::BytesToHexString(Sha256(given->payload())))) {
          return Unfit(notice.name(), "the log does not say that it was attested so");
        }
        action = "notice.amended";
      }
    }
    return absl::OkStatus();
  }

  bool Logged(const std::string& resource, const std::string& action, const std::string& digest) const {
    return logged_.count({resource, action, digest}) != 0;
  }

  const v1::CampaignEvidence& evidence_;
  const absl::Span<const PublicKey> notice_keys_;
  std::string partner_;
  std::vector<PublicKey> partner_keys_;
  std::map<std::string, std::optional<Attestation::Result>> outcomes_;  // by handle; nothing: no word yet
  struct LoggedAct {
    std::string resource, action, digest;
    bool operator<(const LoggedAct& other) const {
      return std::tie(resource, action, digest) < std::tie(other.resource, other.action, other.digest);
    }
  };
  std::set<LoggedAct> logged_;
  CampaignFindings findings_;
};

}  // namespace

absl::StatusOr<CampaignFindings> VerifyCampaign(const v1::CampaignEvidence& evidence,
                                                absl::Span<const PublicKey> notice_keys, const NoteVerifier* log) {
  return Verifier(evidence, notice_keys).Run(log);
}

}  // namespace postern::client::verify
