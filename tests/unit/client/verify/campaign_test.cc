// A whole campaign from its evidence: what fits is believed, and whatever was altered is found.
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/verify/campaign.h"
#include "client/verify/merkle.h"
#include "proto/postern/v1/audit.pb.h"
#include "server/audit/checkpoint.h"
#include "server/audit/leaf.h"
#include "server/crypto/dsse.h"
#include "server/crypto/sha256.h"
#include "server/crypto/signature.h"

namespace postern::client::verify {
namespace {

using ::testing::HasSubstr;
using Attestation = v1::DeletionAttestationStatement;

constexpr char kPartner[] = "partners/swift-parcel";
constexpr char kCampaign[] = "partners/swift-parcel/deletionCampaigns/c1";
constexpr char kOrigin[] = "shop.test/postern/1";
constexpr int64_t kIssued = 1'780'000'000;

std::string Digest(absl::string_view bytes) {
  return std::string(crypto::AsBytes(crypto::Sha256(bytes)));
}

// A gateway, its log and a partner, with keys of their own; makes evidence of a campaign of two notices.
class CampaignTest : public ::testing::Test {
 protected:
  CampaignTest()
      : gateway_(*crypto::PrivateKey::Generate(crypto::SignatureAlgorithm::kEd25519)),
        partner_(*crypto::PrivateKey::Generate(crypto::SignatureAlgorithm::kEcdsaP256Sha256)),
        log_(
            *crypto::NoteSigner::Create(kOrigin, *crypto::PrivateKey::Generate(crypto::SignatureAlgorithm::kEd25519))) {
    v1::DeletionCampaign& campaign = *evidence_.mutable_campaign();
    campaign.set_name(kCampaign);
    campaign.set_cause(v1::DeletionCampaign::CAUSE_TERMINATION);
    campaign.set_state(v1::DeletionCampaign::STATE_CLOSED);
    campaign.set_enumeration_done(true);
    campaign.set_notice_count(2);
    campaign.set_attested_count(2);
    v1::AttestationKey& key = *evidence_.add_attestation_keys();
    key.set_key_id("k1");
    key.set_public_key_pem(partner_.public_key().ToPem());
    AddNotice({"a", "b"});
    AddNotice({"c"});
    Log();
  }

  static v1::SignedEnvelope Sign(const crypto::PrivateKey& key, const std::string& type, const std::string& payload) {
    const crypto::PrivateKey* const signers[] = {&key};
    const crypto::DsseEnvelope envelope = *crypto::DsseSign(type, payload, signers);
    v1::SignedEnvelope out;
    out.set_payload_type(envelope.payload_type);
    out.set_payload(envelope.payload);
    out.add_signatures()->set_key_id(envelope.signatures[0].key_id);
    out.mutable_signatures(0)->set_signature(envelope.signatures[0].signature);
    return out;
  }

  void AddNotice(const std::vector<std::string>& handles) {
    v1::DeletionNotice& notice = *evidence_.add_notices();
    v1::DeletionNoticeStatement asked;
    asked.set_page(evidence_.notices_size());
    asked.set_notice(absl::StrCat(kCampaign, "/notices/", asked.page()));
    asked.set_partner(kPartner);
    asked.set_origin(kOrigin);
    asked.set_cause(evidence_.campaign().cause());
    asked.mutable_issue_time()->set_seconds(kIssued);
    for (const std::string& handle : handles) asked.add_items()->set_handle(handle);
    notice.set_name(asked.notice());
    notice.set_state(v1::DeletionNotice::STATE_ATTESTED);
    *notice.mutable_envelope() =
        Sign(gateway_, "application/vnd.postern.deletion-notice.v1+protobuf", asked.SerializeAsString());
    notice.set_digest(Digest(notice.envelope().payload()));
    notice.mutable_attest_time()->set_seconds(kIssued + 100);
    Attest(&notice, [](Attestation*) {});
  }

  // The partner's word on everything that a notice asks, changed by `edit`.
  void Attest(v1::DeletionNotice* notice, const std::function<void(Attestation*)>& edit) {
    v1::DeletionNoticeStatement asked;
    ASSERT_TRUE(asked.ParseFromString(notice->envelope().payload()));
    Attestation said;
    said.set_notice(notice->name());
    said.set_notice_digest(notice->digest());
    said.set_partner(kPartner);
    said.mutable_attest_time()->set_seconds(kIssued + 60);
    for (const auto& item : asked.items()) {
      auto& outcome = *said.add_outcomes();
      outcome.set_handle(item.handle());
      outcome.set_result(item.handle() == "b" ? Attestation::RESULT_NOT_FOUND : Attestation::RESULT_DELETED);
    }
    edit(&said);
    *notice->mutable_attestation() =
        Sign(partner_, "application/vnd.postern.deletion-attestation.v1+protobuf", said.SerializeAsString());
  }

  // The first notice was answered with "a" kept on a ground; then the answer was amended, "a" is deleted, but for
  // `edit`.
  void KeepThenDelete(const std::function<void(Attestation*)>& edit = [](Attestation*) {}) {
    v1::DeletionNotice* notice = evidence_.mutable_notices(0);
    Attest(notice, [](Attestation* said) {
      said->mutable_outcomes(0)->set_result(Attestation::RESULT_EXEMPTED);
      said->mutable_outcomes(0)->set_ground("customs law");
      said->mutable_outcomes(0)->mutable_until()->set_seconds(kIssued + 1000);
    });
    *notice->add_amended_attestations() = notice->attestation();
    Attest(notice, [&](Attestation* said) {
      said->set_amends(Digest(notice->amended_attestations(0).payload()));
      said->mutable_attest_time()->set_seconds(kIssued + 90);
      edit(said);
    });
  }

  // Writes the log anew: what happened to the campaign between two other entries, and proofs for it.
  void Log() {
    std::vector<std::string> leaves = {Leaf("partners/other", "partner.created", "")};
    leaves.push_back(Leaf(kCampaign, "campaign.created", ""));
    for (const v1::DeletionNotice& notice : evidence_.notices()) {
      leaves.push_back(Leaf(notice.name(), "notice.issued", notice.digest()));
      const char* action = "notice.attested";
      for (const v1::SignedEnvelope& amended : notice.amended_attestations()) {
        leaves.push_back(Leaf(notice.name(), action, Digest(amended.payload())));
        action = "notice.amended";
      }
      leaves.push_back(Leaf(notice.name(), action, Digest(notice.attestation().payload())));
    }
    std::vector<Hash> hashes;
    for (const std::string& leaf : leaves) hashes.push_back(LeafHash(leaf));
    audit::Checkpoint checkpoint;
    checkpoint.origin = kOrigin;
    checkpoint.size = leaves.size();
    checkpoint.root = Root(hashes);
    evidence_.set_checkpoint(*audit::SignCheckpoint(checkpoint, log_));
    evidence_.clear_entries();
    for (size_t i = 1; i < leaves.size(); ++i) {
      auto& entry = *evidence_.add_entries();
      entry.set_index(i);
      entry.set_leaf(leaves[i]);
      for (const Hash& node : Path(i, hashes)) entry.add_path(std::string(node.begin(), node.end()));
    }
  }

  static std::string Leaf(const std::string& resource, const std::string& action, const std::string& digest) {
    v1::AuditEntry entry;
    entry.set_kind(v1::AuditEntry::KIND_STATE_CHANGE);
    entry.set_resource(resource);
    (*entry.mutable_details())["action"] = action;
    if (!digest.empty()) (*entry.mutable_details())["digest"] = absl::BytesToHexString(digest);
    return audit::EncodeLeaf(entry.SerializeAsString(), crypto::Sha256("salted"));
  }

  // RFC 9162, section 2.1, word for word.
  static size_t Split(size_t n) {
    size_t k = 1;
    while (k * 2 < n) k *= 2;
    return k;
  }
  static Hash Root(absl::Span<const Hash> hashes) {
    if (hashes.size() == 1) return hashes[0];
    const size_t k = Split(hashes.size());
    return NodeHash(Root(hashes.subspan(0, k)), Root(hashes.subspan(k)));
  }
  static std::vector<Hash> Path(size_t m, absl::Span<const Hash> hashes) {
    if (hashes.size() == 1) return {};
    const size_t k = Split(hashes.size());
    std::vector<Hash> path = m < k ? Path(m, hashes.subspan(0, k)) : Path(m - k, hashes.subspan(k));
    path.push_back(m < k ? Root(hashes.subspan(k)) : Root(hashes.subspan(0, k)));
    return path;
  }

  absl::StatusOr<CampaignFindings> Verify() {
    const PublicKey notice_key = *PublicKey::FromPem(gateway_.public_key().ToPem());
    const NoteVerifier log = *NoteVerifier::Parse(log_.VerifierKey());
    return VerifyCampaign(evidence_, {notice_key}, &log);
  }
  // What is wrong with the evidence after `alter`; "" if nothing is found. The log is written anew where that is asked.
  std::string FaultAfter(const std::function<void(v1::CampaignEvidence*)>& alter, bool relog = false) {
    const v1::CampaignEvidence sound = evidence_;
    alter(&evidence_);
    if (relog) Log();
    const auto findings = Verify();
    evidence_ = sound;
    EXPECT_TRUE(findings.ok() || absl::IsDataLoss(findings.status())) << findings.status();
    return findings.ok() ? "" : std::string(findings.status().message());
  }

  const crypto::PrivateKey gateway_;
  const crypto::PrivateKey partner_;
  const crypto::NoteSigner log_;
  v1::CampaignEvidence evidence_;
};

// Clause: P1.4e
TEST_F(CampaignTest, ASoundCampaignIsCountedFromWhatWasSigned) {
  const auto findings = Verify();
  ASSERT_TRUE(findings.ok()) << findings.status();
  EXPECT_EQ(findings->notices, 2);
  EXPECT_EQ(findings->attested, 2);
  EXPECT_EQ(findings->handles, 3);
  EXPECT_EQ(findings->deleted, 2);
  EXPECT_EQ(findings->not_found, 1);
  EXPECT_EQ(findings->open, 0);
  EXPECT_EQ(findings->entries, 5);
  EXPECT_EQ(findings->origin, kOrigin);
  EXPECT_TRUE(findings->complete);
}

TEST_F(CampaignTest, WithoutTheLogsKeyTheEntriesProveNothingAndAreNotCounted) {
  evidence_.clear_checkpoint();
  const PublicKey notice_key = *PublicKey::FromPem(gateway_.public_key().ToPem());
  const auto findings = VerifyCampaign(evidence_, {notice_key}, nullptr);
  ASSERT_TRUE(findings.ok()) << findings.status();
  EXPECT_EQ(findings->entries, 0);
}

TEST_F(CampaignTest, AnOpenCampaignFitsAndIsNotComplete) {
  evidence_.mutable_campaign()->set_state(v1::DeletionCampaign::STATE_OPEN);
  evidence_.mutable_campaign()->set_attested_count(1);
  v1::DeletionNotice& notice = *evidence_.mutable_notices(1);
  notice.set_state(v1::DeletionNotice::STATE_ACKNOWLEDGED);
  notice.clear_attestation();
  Log();
  const auto findings = Verify();
  ASSERT_TRUE(findings.ok()) << findings.status();
  EXPECT_EQ(findings->open, 1);
  EXPECT_FALSE(findings->complete);
}

TEST_F(CampaignTest, KeptHandlesAreAskedForAgainOnceTheirGroundHasEnded) {
  Attest(evidence_.mutable_notices(0), [](Attestation* said) {
    said->mutable_outcomes(0)->set_result(Attestation::RESULT_EXEMPTED);
    said->mutable_outcomes(0)->set_ground("customs law");
    said->mutable_outcomes(0)->mutable_until()->set_seconds(kIssued + 1000);
  });
  EXPECT_THAT(FaultAfter([](v1::CampaignEvidence*) {}, true), HasSubstr("closed with handles kept"));
  evidence_.mutable_campaign()->set_notice_count(3);
  evidence_.mutable_campaign()->set_attested_count(3);
  AddNotice({"a"});
  Log();
  const auto findings = Verify();
  ASSERT_TRUE(findings.ok()) << findings.status();
  EXPECT_EQ(findings->handles, 3);
  EXPECT_EQ(findings->deleted, 2);
  EXPECT_TRUE(findings->complete);
}

// Clause: P1.4e
TEST_F(CampaignTest, AnAmendedAnswerIsFollowedFromTheFirstOne) {
  KeepThenDelete();
  Log();
  const auto findings = Verify();
  ASSERT_TRUE(findings.ok()) << findings.status();
  EXPECT_EQ(findings->amendments, 1);
  EXPECT_EQ(findings->attested, 2);
  EXPECT_EQ(findings->exempted, 0);
  EXPECT_EQ(findings->deleted, 2);
  EXPECT_TRUE(findings->complete);

  const auto amended = [this](const std::function<void(Attestation*)>& edit) {
    return FaultAfter(
        [&](auto* e) {
          e->mutable_notices(0)->clear_amended_attestations();
          KeepThenDelete(edit);
        },
        /*relog=*/true);
  };
  EXPECT_EQ(amended([](auto*) {}), "");
  EXPECT_THAT(amended([](auto* said) { said->clear_amends(); }), HasSubstr("amends another"));
  EXPECT_THAT(amended([](auto* said) { said->set_amends(std::string(32, 'x')); }), HasSubstr("amends another"));
  EXPECT_THAT(amended([](auto* said) { said->mutable_attest_time()->set_seconds(kIssued + 1); }),
              HasSubstr("older than what it amends"));
  EXPECT_THAT(amended([](auto* said) { said->mutable_outcomes(1)->set_result(Attestation::RESULT_DELETED); }),
              HasSubstr("takes back"));
  EXPECT_THAT(amended([](auto* said) { said->mutable_outcomes(0)->set_result(Attestation::RESULT_NOT_FOUND); }),
              HasSubstr("takes back"));
  EXPECT_THAT(FaultAfter([](auto* e) { e->mutable_notices(0)->clear_amended_attestations(); }, /*relog=*/true),
              HasSubstr("amends another"));
  EXPECT_THAT(FaultAfter([](auto* e) { e->mutable_entries()->DeleteSubrange(3, 1); }),
              HasSubstr("does not say that it was attested so"));
}

// Clause: P1.4e
TEST_F(CampaignTest, WhateverWasAlteredIsFound) {
  const auto reattest = [this](const std::function<void(Attestation*)>& edit) {
    return FaultAfter([&](v1::CampaignEvidence* e) { Attest(e->mutable_notices(0), edit); }, /*relog=*/true);
  };
  EXPECT_THAT(FaultAfter([](auto* e) { (*e->mutable_notices(0)->mutable_envelope()->mutable_payload())[5] ^= 1; }),
              HasSubstr("no trusted key signed this"));
  EXPECT_THAT(FaultAfter([](auto* e) { e->mutable_notices(0)->set_digest(std::string(32, 'x')); }),
              HasSubstr("its digest is not that of what was signed"));
  EXPECT_THAT(FaultAfter([](auto* e) { e->mutable_notices()->DeleteSubrange(0, 1); }), HasSubstr("stands where"));
  EXPECT_THAT(FaultAfter([](auto* e) { e->mutable_notices()->RemoveLast(); }), HasSubstr("notices are missing"));
  EXPECT_THAT(FaultAfter([](auto* e) { e->mutable_notices()->SwapElements(0, 1); }), HasSubstr("stands where"));
  EXPECT_THAT(FaultAfter([](auto* e) {
                *e->mutable_notices(1)->mutable_envelope() = e->notices(0).envelope();
                e->mutable_notices(1)->set_digest(e->notices(0).digest());
              }),
              HasSubstr("was signed as another notice"));
  EXPECT_THAT(FaultAfter([](auto* e) { (*e->mutable_notices(0)->mutable_attestation()->mutable_payload())[5] ^= 1; }),
              HasSubstr("no trusted key signed this"));
  EXPECT_THAT(FaultAfter([](auto* e) { *e->mutable_notices(1)->mutable_attestation() = e->notices(0).attestation(); }),
              HasSubstr("for another notice"));
  EXPECT_THAT(FaultAfter([](auto* e) { e->clear_attestation_keys(); }), HasSubstr("no trusted key signed this"));
  EXPECT_THAT(FaultAfter([this](auto* e) {
                e->mutable_attestation_keys(0)->set_public_key_pem(gateway_.public_key().ToPem());
              }),
              HasSubstr("no trusted key signed this"));
  EXPECT_THAT(reattest([](auto* said) { said->set_notice_digest(std::string(32, 'x')); }), HasSubstr("another digest"));
  EXPECT_THAT(reattest([](auto* said) { said->mutable_outcomes()->RemoveLast(); }), HasSubstr("leaves handles out"));
  EXPECT_THAT(reattest([](auto* said) { said->mutable_outcomes(0)->set_handle("z"); }), HasSubstr("foreign handle"));
  EXPECT_THAT(reattest([](auto* said) { said->mutable_outcomes(1)->set_handle("a"); }), HasSubstr("two outcomes"));
  EXPECT_THAT(reattest([](auto* said) { said->mutable_outcomes(0)->clear_result(); }), HasSubstr("says nothing"));
  EXPECT_THAT(reattest([](auto* said) { said->mutable_outcomes(0)->set_result(Attestation::RESULT_EXEMPTED); }),
              HasSubstr("no ground"));
  EXPECT_THAT(reattest([](auto* said) { said->mutable_attest_time()->set_seconds(kIssued - 600); }),
              HasSubstr("older than the notice"));
  EXPECT_THAT(reattest([](auto* said) { said->mutable_attest_time()->set_seconds(kIssued + 9000); }),
              HasSubstr("before its own time"));
  EXPECT_THAT(FaultAfter([](auto* e) { e->mutable_campaign()->set_attested_count(1); }),
              HasSubstr("other attestations"));
  EXPECT_THAT(FaultAfter([](auto* e) { e->mutable_campaign()->set_enumeration_done(false); }),
              HasSubstr("closed with handles open"));
}

// Clause: P1.3c
TEST_F(CampaignTest, ALogThatTellsAnotherStoryIsFound) {
  EXPECT_THAT(FaultAfter([](auto* e) { e->clear_entries(); }), HasSubstr("has no entries"));
  EXPECT_THAT(FaultAfter([](auto* e) { e->mutable_entries()->DeleteSubrange(0, 1); }),
              HasSubstr("does not say that it was created"));
  EXPECT_THAT(FaultAfter([](auto* e) { e->mutable_entries()->DeleteSubrange(1, 1); }),
              HasSubstr("does not say that it was issued so"));
  EXPECT_THAT(FaultAfter([](auto* e) { e->mutable_entries()->DeleteSubrange(2, 1); }),
              HasSubstr("does not say that it was attested so"));
  EXPECT_THAT(FaultAfter([](auto* e) { e->mutable_entries()->SwapElements(0, 1); }), HasSubstr("out of order"));
  EXPECT_NE(FaultAfter([](auto* e) { (*e->mutable_entries(0)->mutable_leaf())[8] ^= 1; }), "");
  EXPECT_NE(FaultAfter([](auto* e) { (*e->mutable_entries(0)->mutable_path(0))[0] ^= 1; }), "");
  EXPECT_NE(FaultAfter([](auto* e) { e->mutable_entries(0)->set_index(0); }), "");
  EXPECT_THAT(FaultAfter([](auto* e) { e->mutable_entries(0)->set_path(0, "short"); }), HasSubstr("another size"));
  // An answer that the log never saw, properly signed.
  EXPECT_THAT(FaultAfter([this](auto* e) {
                Attest(e->mutable_notices(0),
                       [](Attestation* said) { said->mutable_outcomes(1)->set_result(Attestation::RESULT_DELETED); });
              }),
              HasSubstr("does not say that it was attested so"));
  const v1::CampaignEvidence sound = evidence_;
  (*evidence_.mutable_checkpoint())[evidence_.checkpoint().size() / 2] ^= 1;
  EXPECT_FALSE(Verify().ok());
}

}  // namespace
}  // namespace postern::client::verify
