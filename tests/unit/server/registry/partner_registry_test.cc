#include "server/registry/partner_registry.h"

#include <algorithm>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/errors/error.h"
#include "proto/postern/v1/audit.pb.h"
#include "server/audit/leaf.h"
#include "server/registry/lifecycle.h"
#include "server/registry/partner_keys.h"
#include "tests/unit/server/registry/control_fixture.h"

namespace postern::registry {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

class PartnerRegistryTest : public ::testing::Test {
 protected:
  v1::CreatePartnerRequest Valid() {
    v1::CreatePartnerRequest request;
    v1::Partner& partner = *request.mutable_partner();
    partner.set_name("partners/carrier-one");
    partner.set_legal_entity("Carrier One Ltd");
    partner.set_kind("logistics");
    v1::PartnerIdentity& identity = *partner.add_identities();
    identity.set_trust_bundle_pem(TestCertificate());
    identity.set_dns_san("client.carrier-one.example");
    v1::PartnerEndpoint& endpoint = *partner.add_endpoints();
    endpoint.set_id("main");
    endpoint.set_address("carrier-one.example:443");
    endpoint.set_trust_bundle_pem(TestCertificate());
    endpoint.set_server_san("carrier-one.example");
    v1::AttestationKey& key = *partner.add_attestation_keys();
    key.set_key_id("2026");
    key.set_public_key_pem(
        crypto::PrivateKey::Generate(crypto::SignatureAlgorithm::kEcdsaP256Sha256)->public_key().ToPem());
    return request;
  }

  // Of the newest audit entry.
  google::protobuf::Map<std::string, std::string> LastDetails() {
    v1::AuditEntry entry;
    EXPECT_TRUE(entry.ParseFromString(audit::DecodeLeaf(fixture_.store->ReadLeaves(0, 1000)->back())->metadata));
    return entry.details();
  }

  TempDirectory directory_;
  ControlFixture fixture_{directory_.path()};
};

TEST_F(PartnerRegistryTest, CreatesADraftWithKeysAndAnAuditEntry) {
  const auto created = fixture_.partners.CreatePartner("operators/alice", Valid());
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->state(), v1::PARTNER_STATE_DRAFT);
  EXPECT_EQ(created->epoch(), 1);
  EXPECT_FALSE(created->etag().empty());
  EXPECT_EQ(fixture_.partners
                .GetPartner([] {
                  v1::GetPartnerRequest request;
                  request.set_name("partners/carrier-one");
                  return request;
                }())
                ->etag(),
            created->etag());
  const PartnerView* view = fixture_.holder.Get()->FindPartner("partners/carrier-one");
  ASSERT_NE(view, nullptr);
  EXPECT_NE(view->handle, nullptr);
  EXPECT_NE(view->pseudonym, nullptr);
  EXPECT_FALSE(view->fence->open()) << "nothing leaves for a draft";
  EXPECT_TRUE(fixture_.keys->Get(*KeyIdOf(view->epoch_key)).ok());
  EXPECT_THAT(fixture_.AuditActions(), ElementsAre("partner.created"));
  EXPECT_THAT(fixture_.event_names, ElementsAre("partner.created"));
}

TEST_F(PartnerRegistryTest, ValidateOnlyChangesNothing) {
  v1::CreatePartnerRequest request = Valid();
  request.set_validate_only(true);
  EXPECT_TRUE(fixture_.partners.CreatePartner("operators/alice", request).ok());
  EXPECT_TRUE(fixture_.store->ListPartners()->empty());
}

TEST_F(PartnerRegistryTest, RefusesWhatIsWrongByField) {
  const auto refused = [&](const std::string& field, const std::function<void(v1::Partner*)>& spoil) {
    v1::CreatePartnerRequest request = Valid();
    spoil(request.mutable_partner());
    const absl::Status status = fixture_.partners.CreatePartner("operators/alice", request).status();
    EXPECT_EQ(ReasonOf(status), v1::ERROR_REASON_INVALID_ARGUMENT) << field;
    EXPECT_EQ(MetadataOf(status, "field"), field);
  };
  refused("partner.name", [](v1::Partner* p) { p->set_name("partners/Ab"); });
  refused("partner.name", [](v1::Partner* p) { p->set_name("partners/abc/def"); });
  refused("partner.legal_entity", [](v1::Partner* p) { p->clear_legal_entity(); });
  refused("partner.kind", [](v1::Partner* p) { p->set_kind("marketing"); });
  refused("partner.identities[0]", [](v1::Partner* p) { p->mutable_identities(0)->clear_name(); });
  refused("partner.identities[0].dns_san", [](v1::Partner* p) { p->mutable_identities(0)->set_dns_san("*.example"); });
  refused("partner.identities[0].spiffe_id",
          [](v1::Partner* p) { p->mutable_identities(0)->set_spiffe_id("spiffe://carrier"); });
  refused("partner.identities[0].trust_bundle_pem",
          [](v1::Partner* p) { p->mutable_identities(0)->set_trust_bundle_pem("-----BEGIN CERTIFICATE-----\nAAAA"); });
  refused("partner.identities[1]", [](v1::Partner* p) { *p->add_identities() = p->identities(0); });
  refused("partner.identities", [](v1::Partner* p) {
    for (int i = 0; i < 8; ++i) *p->add_identities() = p->identities(0);
  });
  refused("partner.endpoints[0].address", [](v1::Partner* p) { p->mutable_endpoints(0)->set_address("carrier"); });
  refused("partner.endpoints[0].server_san", [](v1::Partner* p) { p->mutable_endpoints(0)->set_server_san("a b"); });
  refused("partner.attestation_keys[0].public_key_pem",
          [](v1::Partner* p) { p->mutable_attestation_keys(0)->set_public_key_pem("no key"); });
  const auto encrypt_to = [](v1::Partner* p, crypto::SignatureAlgorithm algorithm, const std::string& id = "2026") {
    v1::EncryptionKey& key = *p->add_encryption_keys();
    key.set_key_id(id);
    key.set_public_key_pem(crypto::PrivateKey::Generate(algorithm)->public_key().ToPem());
  };
  constexpr auto kP256 = crypto::SignatureAlgorithm::kEcdsaP256Sha256;
  refused("partner.encryption_keys[0].public_key_pem",
          [&](v1::Partner* p) { encrypt_to(p, crypto::SignatureAlgorithm::kEd25519); });
  refused("partner.encryption_keys[0].key_id", [&](v1::Partner* p) { encrypt_to(p, kP256, ""); });
  refused("partner.encryption_keys[1]", [&](v1::Partner* p) {
    encrypt_to(p, kP256);
    encrypt_to(p, kP256);
  });
  refused("partner.encryption_keys", [&](v1::Partner* p) {
    for (int i = 0; i < 9; ++i) encrypt_to(p, kP256, std::to_string(i));
  });
}

TEST_F(PartnerRegistryTest, ANameAndAnIdentityBelongToOnePartner) {
  ASSERT_TRUE(fixture_.partners.CreatePartner("operators/alice", Valid()).ok());
  EXPECT_EQ(ReasonOf(fixture_.partners.CreatePartner("operators/alice", Valid()).status()),
            v1::ERROR_REASON_ALREADY_EXISTS);
  v1::CreatePartnerRequest other = Valid();
  other.mutable_partner()->set_name("partners/carrier-two");
  const absl::Status status = fixture_.partners.CreatePartner("operators/alice", other).status();
  EXPECT_EQ(ReasonOf(status), v1::ERROR_REASON_ALREADY_EXISTS);
  EXPECT_EQ(MetadataOf(status, "resource"), "partners/carrier-one");
}

TEST_F(PartnerRegistryTest, UpdateNeedsTheEtagAndKeepsWhatIsNotMasked) {
  const v1::Partner created = *fixture_.partners.CreatePartner("operators/alice", Valid());
  v1::UpdatePartnerRequest request;
  request.mutable_partner()->set_name(created.name());
  request.mutable_partner()->set_legal_entity("Carrier One Holding");
  request.mutable_update_mask()->add_paths("legal_entity");
  EXPECT_EQ(ReasonOf(fixture_.partners.UpdatePartner("operators/alice", request).status()),
            v1::ERROR_REASON_ETAG_MISMATCH);
  request.mutable_partner()->set_etag(created.etag());
  const auto updated = fixture_.partners.UpdatePartner("operators/alice", request);
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->legal_entity(), "Carrier One Holding");
  EXPECT_EQ(updated->identities_size(), 1);
  EXPECT_NE(updated->etag(), created.etag());
  EXPECT_TRUE(fixture_.ports.aborted.empty());
  request.mutable_partner()->set_etag(updated->etag());
  request.mutable_update_mask()->set_paths(0, "kind");
  EXPECT_EQ(ReasonOf(fixture_.partners.UpdatePartner("operators/alice", request).status()),
            v1::ERROR_REASON_INVALID_ARGUMENT);
}

TEST_F(PartnerRegistryTest, RemovingAnIdentityAbortsConnections) {
  const v1::Partner created = *fixture_.partners.CreatePartner("operators/alice", Valid());
  v1::UpdatePartnerRequest request;
  *request.mutable_partner() = created;
  request.mutable_partner()->mutable_identities(0)->set_dns_san("new.carrier-one.example");
  ASSERT_TRUE(fixture_.partners.UpdatePartner("operators/alice", request).ok());
  EXPECT_THAT(fixture_.ports.aborted, ElementsAre("partners/carrier-one"));
}

// Clause: P1.4e
TEST_F(PartnerRegistryTest, WhoSignsForARevokedPartnerChangesByTwoPersons) {
  ASSERT_TRUE(fixture_.partners.CreatePartner("operators/alice", Valid()).ok());
  storage::PartnerRow row = fixture_.Row("partners/carrier-one");
  row.partner.set_state(v1::PARTNER_STATE_TERMINATING);
  storage::ChangeSet change;
  change.partners.push_back({row, row.partner.etag()});
  ASSERT_TRUE(fixture_.store->Apply(change).ok());

  v1::UpdatePartnerRequest request;
  *request.mutable_partner() = fixture_.Get("partners/carrier-one");
  request.mutable_partner()->mutable_attestation_keys(0)->set_key_id("stand-in");
  const auto update = [&](absl::string_view principal) {
    request.mutable_partner()->set_etag(fixture_.Get("partners/carrier-one").etag());
    return ReasonOf(fixture_.partners.UpdatePartner(principal, request).status());
  };
  request.set_validate_only(true);
  EXPECT_EQ(update("operators/bob"), v1::ERROR_REASON_SECOND_PERSON_REQUIRED) << "asking is told the same";
  request.set_validate_only(false);
  EXPECT_EQ(update("operators/alice"), v1::ERROR_REASON_SECOND_PERSON_REQUIRED) << "asking alone is no first person";
  EXPECT_EQ(update("operators/alice"), v1::ERROR_REASON_SECOND_PERSON_REQUIRED) << "the same person twice";
  request.mutable_partner()->mutable_attestation_keys(0)->set_key_id("another");
  EXPECT_EQ(update("operators/bob"), v1::ERROR_REASON_SECOND_PERSON_REQUIRED) << "two persons, two changes";
  EXPECT_EQ(fixture_.Get("partners/carrier-one").attestation_keys(0).key_id(), "2026");
  request.mutable_partner()->set_etag(fixture_.Get("partners/carrier-one").etag());
  const auto changed = fixture_.partners.UpdatePartner("operators/alice", request);
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_EQ(changed->attestation_keys(0).key_id(), "another");
  EXPECT_THAT(fixture_.AuditActions(),
              ElementsAre("partner.created", "partner.update_pending", "partner.update_pending", "partner.updated"));
  const auto details = LastDetails();
  EXPECT_EQ(details.at("fields"), "attestation_keys");
  EXPECT_EQ(details.at("attestation_keys"), "another");

  *request.mutable_partner() = *changed;
  request.mutable_partner()->mutable_identities(0)->set_dns_san("new.carrier-one.example");
  EXPECT_EQ(update("operators/bob"), v1::ERROR_REASON_SECOND_PERSON_REQUIRED);
  *request.mutable_partner() = *changed;
  request.mutable_partner()->set_etag(fixture_.Get("partners/carrier-one").etag());
  request.mutable_partner()->set_legal_entity("Carrier One, in liquidation");
  EXPECT_TRUE(fixture_.partners.UpdatePartner("operators/bob", request).ok()) << "speaks for nobody";
  request.mutable_partner()->clear_identities();
  EXPECT_EQ(update("operators/bob"), v1::ERROR_REASON_SECOND_PERSON_REQUIRED) << "nobody is silenced by one person";
}

// Clause: P1.3b
TEST(ActivePartnerTest, NobodyRedirectsItAloneAndTheRequestSurvivesARestart) {
  constexpr char kName[] = "partners/swift-parcel";
  TempDirectory directory;
  v1::UpdatePartnerRequest request;
  {
    ControlFixture gateway(directory.path());
    gateway.Serve();
    const v1::Partner before = gateway.Get(kName);
    const auto alone = [&](const std::function<void(v1::Partner*)>& edit) {
      *request.mutable_partner() = gateway.Get(kName);
      edit(request.mutable_partner());
      return ReasonOf(gateway.partners.UpdatePartner("operators/alice", request).status());
    };
    EXPECT_EQ(alone([](v1::Partner* p) {
                *p->add_identities() = p->identities(0);
                p->mutable_identities(1)->set_dns_san("x.example");
              }),
              v1::ERROR_REASON_SECOND_PERSON_REQUIRED);
    EXPECT_EQ(alone([](v1::Partner* p) { p->mutable_identities(0)->mutable_trust_bundle_pem()->append("\n"); }),
              v1::ERROR_REASON_SECOND_PERSON_REQUIRED);
    EXPECT_EQ(alone([](v1::Partner* p) {
                v1::AttestationKey& key = *p->add_attestation_keys();
                key.set_key_id("another");
                key.set_public_key_pem(
                    crypto::PrivateKey::Generate(crypto::SignatureAlgorithm::kEcdsaP256Sha256)->public_key().ToPem());
              }),
              v1::ERROR_REASON_SECOND_PERSON_REQUIRED);
    EXPECT_EQ(alone([](v1::Partner* p) {
                v1::EncryptionKey& key = *p->add_encryption_keys();
                key.set_key_id("another");
                key.set_public_key_pem(
                    crypto::PrivateKey::Generate(crypto::SignatureAlgorithm::kEcdsaP256Sha256)->public_key().ToPem());
              }),
              v1::ERROR_REASON_SECOND_PERSON_REQUIRED);
    EXPECT_EQ(gateway.Get(kName).pending_update().encryption_keys_size(), 1);
    EXPECT_EQ(alone([](v1::Partner* p) {
                v1::PartnerEndpoint& endpoint = *p->add_endpoints();
                endpoint.set_id("authorize");
                endpoint.set_address("elsewhere.example:443");
                endpoint.set_trust_bundle_pem(TestCertificate());
                endpoint.set_server_san("elsewhere.example");
              }),
              v1::ERROR_REASON_SECOND_PERSON_REQUIRED);
    const v1::Partner after = gateway.Get(kName);
    EXPECT_EQ(after.endpoints_size(), before.endpoints_size());
    EXPECT_EQ(after.identities_size(), before.identities_size());
    EXPECT_EQ(after.pending_update().requested_by(), "operators/alice");
    EXPECT_EQ(after.pending_update().endpoints(0).address(), "elsewhere.example:443") << "the last one waits";
  }
  ControlFixture restarted(directory.path());
  request.mutable_partner()->set_etag(restarted.Get(kName).etag());
  EXPECT_EQ(ReasonOf(restarted.partners.UpdatePartner("operators/alice", request).status()),
            v1::ERROR_REASON_SECOND_PERSON_REQUIRED)
      << "the same person twice";
  const auto updated = restarted.partners.UpdatePartner("operators/bob", request);
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->endpoints(0).address(), "elsewhere.example:443");
  EXPECT_FALSE(updated->has_pending_update());

  // What takes away waits for nobody.
  *request.mutable_partner() = *updated;
  request.mutable_partner()->clear_endpoints();
  request.mutable_partner()->clear_identities();
  EXPECT_TRUE(restarted.partners.UpdatePartner("operators/alice", request).ok());
}

// Whoever gets a certificate for the partner's name speaks for it: the key is what two persons agree on.
// Clause: P1.3b
TEST(ActivePartnerTest, AnotherKeyForAnEnrolledNameTakesTwoPersons) {
  constexpr char kName[] = "partners/swift-parcel";
  TempDirectory directory;
  ControlFixture gateway(directory.path());
  gateway.Serve();
  v1::PartnerIdentity identity = gateway.Get(kName).identities(0);
  identity.set_dns_san("enrolled.swift-parcel.example");
  const auto enrol = [&](absl::string_view principal, const char* key) {
    identity.set_enrolled_key_sha256(key);
    return ReasonOf(gateway.partners.EnrolIdentity(principal, kName, identity).status());
  };
  EXPECT_EQ(enrol("operators/alice", "aa"), v1::ERROR_REASON_SECOND_PERSON_REQUIRED);
  EXPECT_EQ(enrol("operators/bob", "bb"), v1::ERROR_REASON_SECOND_PERSON_REQUIRED) << "not what alice asked for";
  EXPECT_EQ(enrol("operators/alice", "bb"), v1::ERROR_REASON_UNSPECIFIED);
  EXPECT_EQ(enrol("operators/alice", "bb"), v1::ERROR_REASON_UNSPECIFIED) << "a renewal with the same key";
  EXPECT_EQ(enrol("operators/alice", "cc"), v1::ERROR_REASON_SECOND_PERSON_REQUIRED);
  EXPECT_EQ(gateway.Get(kName).identities(1).enrolled_key_sha256(), "bb");

  // Nor does an update say which key is certified.
  v1::UpdatePartnerRequest request;
  *request.mutable_partner() = gateway.Get(kName);
  request.mutable_partner()->mutable_identities(1)->set_enrolled_key_sha256("cc");
  const auto updated = gateway.partners.UpdatePartner("operators/alice", request);
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->identities(1).enrolled_key_sha256(), "bb");
}

TEST_F(PartnerRegistryTest, AnotherKindIsRefusedAndNotIgnored) {
  v1::UpdatePartnerRequest request;
  *request.mutable_partner() = *fixture_.partners.CreatePartner("operators/alice", Valid());
  request.mutable_partner()->set_kind("payment");
  EXPECT_EQ(MetadataOf(fixture_.partners.UpdatePartner("operators/alice", request).status(), "field"), "partner.kind");
}

TEST_F(PartnerRegistryTest, AnEndpointIsAHostAndAPort) {
  const auto taken = [&](const std::string& address) {
    v1::CreatePartnerRequest request = Valid();
    request.set_validate_only(true);
    request.mutable_partner()->mutable_endpoints(0)->set_address(address);
    return fixture_.partners.CreatePartner("operators/alice", request).ok();
  };
  for (const char* good : {"pay.example:443", "PAY.example:443", "192.0.2.7:8443", "[2001:db8::7]:443"}) {
    EXPECT_TRUE(taken(good)) << good;
  }
  for (const char* bad : {"unix:/run/socket:1", "unix:///run/a:1", "xds:///pay:443", "dns:///pay.example:443",
                          "dns://8.8.8.8/pay:443", "ipv4:192.0.2.7:443", "[pay.example]:443", "2001:db8::7:443",
                          "pay.example:+443", "pay.example: 443", "pay.example:0", "a@pay.example:443"}) {
    EXPECT_FALSE(taken(bad)) << bad;
  }
}

TEST_F(PartnerRegistryTest, ACertificateIsInTheAuditLog) {
  ASSERT_TRUE(fixture_.partners
                  .RecordCertificate("operators/alice", "partners/carrier-one",
                                     {"client.carrier-one.example", "0a1b", "ff00", absl::FromUnixSeconds(0)})
                  .ok());
  const auto details = LastDetails();
  EXPECT_EQ(details.at("action"), "certificate.issued");
  EXPECT_EQ(details.at("name"), "client.carrier-one.example");
  EXPECT_EQ(details.at("serial"), "0a1b");
  EXPECT_EQ(details.at("sha256"), "ff00");
  EXPECT_EQ(details.at("not_after"), "1970-01-01T00:00:00+00:00");
}

TEST_F(PartnerRegistryTest, ListsByNameInPages) {
  for (const char* id : {"ccc", "aaa", "bbb"}) fixture_.Create(id);
  v1::ListPartnersRequest request;
  request.set_page_size(2);
  const auto first = fixture_.partners.ListPartners(request);
  ASSERT_EQ(first->partners_size(), 2);
  EXPECT_EQ(first->partners(0).name(), "partners/aaa");
  request.set_page_token(first->next_page_token());
  const auto second = fixture_.partners.ListPartners(request);
  ASSERT_EQ(second->partners_size(), 1);
  EXPECT_EQ(second->partners(0).name(), "partners/ccc");
  EXPECT_EQ(second->next_page_token(), "");
  request.set_page_size(1001);
  EXPECT_EQ(ReasonOf(fixture_.partners.ListPartners(request).status()), v1::ERROR_REASON_INVALID_ARGUMENT);
}

TEST(LifecycleTest, AllowsExactlyTheDocumentedMoves) {
  const auto allowed = [](int from, int to) {
    return CanMove(static_cast<v1::PartnerState>(from), static_cast<v1::PartnerState>(to));
  };
  int count = 0;
  for (int from = 0; from <= 5; ++from) {
    for (int to = 0; to <= 5; ++to) count += allowed(from, to);
  }
  EXPECT_EQ(count, 7);
  EXPECT_TRUE(allowed(v1::PARTNER_STATE_DRAFT, v1::PARTNER_STATE_TERMINATING));
  EXPECT_TRUE(allowed(v1::PARTNER_STATE_DRAFT, v1::PARTNER_STATE_ACTIVE));
  EXPECT_TRUE(allowed(v1::PARTNER_STATE_ACTIVE, v1::PARTNER_STATE_SUSPENDED));
  EXPECT_TRUE(allowed(v1::PARTNER_STATE_SUSPENDED, v1::PARTNER_STATE_ACTIVE));
  EXPECT_TRUE(allowed(v1::PARTNER_STATE_ACTIVE, v1::PARTNER_STATE_TERMINATING));
  EXPECT_TRUE(allowed(v1::PARTNER_STATE_SUSPENDED, v1::PARTNER_STATE_TERMINATING));
  EXPECT_TRUE(allowed(v1::PARTNER_STATE_TERMINATING, v1::PARTNER_STATE_TERMINATED));
}

TEST(LifecycleTest, ARefusedMoveChangesNothing) {
  v1::Partner partner;
  partner.set_name("partners/gone");
  partner.set_state(v1::PARTNER_STATE_TERMINATED);
  const absl::Status status = Move(&partner, v1::PARTNER_STATE_ACTIVE, "again", absl::Now());
  EXPECT_EQ(ReasonOf(status), v1::ERROR_REASON_STATE_TRANSITION);
  EXPECT_EQ(MetadataOf(status, "from"), "TERMINATED");
  EXPECT_EQ(partner.state(), v1::PARTNER_STATE_TERMINATED);
  EXPECT_EQ(partner.state_reason(), "");
}

TEST(EventFeedTest, TellsSubscribersUntilTheyLeave) {
  EventFeed feed;
  std::vector<std::string> seen;
  EventFeed::Subscription subscription =
      feed.Subscribe([&](const v1::WatchEventsResponse& event) { seen.push_back(event.event()); });
  feed.Publish(absl::Now(), "partner.created", "partners/a", "operators/alice", {{"kind", "payment"}});
  EventFeed::Subscription moved = std::move(subscription);
  feed.Publish(absl::Now(), "partner.updated", "partners/a", "operators/alice");
  moved.Cancel();
  feed.Publish(absl::Now(), "partner.suspended", "partners/a", "operators/alice");
  EXPECT_THAT(seen, ElementsAre("partner.created", "partner.updated"));
}

}  // namespace
}  // namespace postern::registry
