#include "server/identity/principal_resolver.h"

#include <gtest/gtest.h>

#include "proto/errors/error.h"
#include "tests/unit/server/identity/pki.h"

namespace postern::identity {
namespace {

class PrincipalResolverTest : public ::testing::Test {
 protected:
  PrincipalResolverTest() {
    PrincipalResolver::Options options;
    options.storefronts = {"spiffe://shop.example/backend"};
    options.people = {
        {"alice.example", {Role::kOperator, Role::kAuditor}, absl::CivilDay(2026, 1, 1), absl::CivilDay(2026, 6, 15)},
        {"eve.example", {Role::kOperator}, absl::CivilDay(2025, 1, 1), absl::CivilDay(2025, 12, 31)}};
    options.shop = TrustBundle::Parse(CaPem(shop_ca_)).value();
    options.operators = TrustBundle::Parse(CaPem(people_ca_)).value();
    options.snapshots = &snapshots_;
    resolver_ = std::make_unique<PrincipalResolver>(std::move(options));
  }

  struct Identity {
    std::string partner;
    std::string trust_bundle;
    std::string spiffe_id;
  };
  void SetPartners(const std::vector<Identity>& identities, v1::PartnerState state = v1::PARTNER_STATE_ACTIVE) {
    auto snapshot = std::make_shared<registry::Snapshot>();
    std::map<std::string, v1::Partner> partners;
    for (const Identity& identity : identities) {
      v1::PartnerIdentity* added = partners[identity.partner].add_identities();
      added->set_trust_bundle_pem(identity.trust_bundle);
      added->set_spiffe_id(identity.spiffe_id);
    }
    for (auto& [name, partner] : partners) {
      auto view = std::make_shared<registry::PartnerView>();
      partner.set_name(name);
      partner.set_state(state);
      view->resource = partner;
      snapshot->partners[name] = std::move(view);
    }
    snapshots_.Set(std::move(snapshot));
  }

  absl::StatusOr<Caller> Resolve(Listener listener, const client::KeyPairPem& pair, absl::Time now = Noon()) {
    return resolver_->Resolve(listener, {pair.certificate, pair.certificate}, now);
  }
  v1::ErrorReason Refusal(Listener listener, const client::KeyPairPem& pair, absl::Time now = Noon()) {
    return ReasonOf(Resolve(listener, pair, now).status());
  }

  const client::Authority shop_ca_ = NewCa("shop");
  const client::Authority people_ca_ = NewCa("people");
  const client::Authority acme_ca_ = NewCa("acme");
  const client::Authority bolt_ca_ = NewCa("bolt");
  registry::SnapshotHolder snapshots_;
  std::unique_ptr<PrincipalResolver> resolver_;
};

TEST_F(PrincipalResolverTest, AStorefrontIsOneThatIsConfigured) {
  const auto caller = Resolve(Listener::kShop, Issue(shop_ca_, {"spiffe://shop.example/backend"}));
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_EQ(caller->principal->name, "storefront/spiffe://shop.example/backend");
  EXPECT_TRUE(caller->principal->Has(Role::kStorefront));
  EXPECT_EQ(caller->principal->not_after, Noon() + absl::Hours(24));
  EXPECT_EQ(Refusal(Listener::kShop, Issue(shop_ca_, {"spiffe://shop.example/other"})),
            v1::ERROR_REASON_UNAUTHENTICATED);
}

TEST_F(PrincipalResolverTest, OneListenersCaIsAStrangerOnAnother) {
  const auto backend = Issue(shop_ca_, {"spiffe://shop.example/backend"});
  EXPECT_EQ(Refusal(Listener::kOperators, backend), v1::ERROR_REASON_UNAUTHENTICATED);
  EXPECT_EQ(Refusal(Listener::kPartners, backend), v1::ERROR_REASON_UNAUTHENTICATED);
  EXPECT_EQ(Refusal(Listener::kShop, Issue(people_ca_, {"spiffe://shop.example/backend"})),
            v1::ERROR_REASON_UNAUTHENTICATED);
}

// Clause: W3b
TEST_F(PrincipalResolverTest, RolesHoldOnTheDaysOfTheConfidentialityAgreement) {
  const auto alice = Issue(people_ca_, {"alice.example"});
  const auto caller = Resolve(Listener::kOperators, alice);
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_TRUE(caller->principal->Has(Role::kOperator));
  EXPECT_TRUE(caller->principal->Has(Role::kAuditor));
  EXPECT_FALSE(caller->principal->Has(Role::kViewer));
  EXPECT_EQ(Refusal(Listener::kOperators, alice, Noon() + absl::Hours(12)), v1::ERROR_REASON_ROLE_DENIED)
      << "the agreement ended at midnight";
  EXPECT_EQ(Refusal(Listener::kOperators, Issue(people_ca_, {"eve.example"})), v1::ERROR_REASON_ROLE_DENIED);
}

TEST_F(PrincipalResolverTest, APartnerIsItsOwnTrustBundleAndName) {
  SetPartners({{"partners/acme", CaPem(acme_ca_), "spiffe://acme.example/client"},
               {"partners/bolt", CaPem(bolt_ca_), "spiffe://bolt.example/client"}});
  const auto acme = Resolve(Listener::kPartners, Issue(acme_ca_, {"spiffe://acme.example/client"}));
  ASSERT_TRUE(acme.ok()) << acme.status();
  EXPECT_EQ(acme->principal->partner, "partners/acme");
  EXPECT_EQ(acme->partner_state, v1::PARTNER_STATE_ACTIVE);
  // Bolt's CA may not vouch for acme's name.
  EXPECT_EQ(Refusal(Listener::kPartners, Issue(bolt_ca_, {"spiffe://acme.example/client"})),
            v1::ERROR_REASON_UNAUTHENTICATED);
  EXPECT_EQ(Refusal(Listener::kPartners, Issue(acme_ca_, {"spiffe://acme.example/other"})),
            v1::ERROR_REASON_UNAUTHENTICATED);
  EXPECT_EQ(Refusal(Listener::kPartners, Issue(acme_ca_, {"spiffe://acme.example/client", "acme.example"})),
            v1::ERROR_REASON_IDENTITY_AMBIGUOUS);
}

TEST_F(PrincipalResolverTest, AnIdentityOfTwoPartnersIsNobodys) {
  SetPartners({{"partners/acme", CaPem(acme_ca_), "spiffe://acme.example/client"},
               {"partners/acme-two", CaPem(acme_ca_), "spiffe://acme.example/client"}});
  EXPECT_EQ(Refusal(Listener::kPartners, Issue(acme_ca_, {"spiffe://acme.example/client"})),
            v1::ERROR_REASON_IDENTITY_AMBIGUOUS);
}

TEST_F(PrincipalResolverTest, AChangedSnapshotCountsAtOnce) {
  const auto pair = Issue(acme_ca_, {"spiffe://acme.example/client"});
  const Identity identity{"partners/acme", CaPem(acme_ca_), "spiffe://acme.example/client"};
  SetPartners({identity});
  EXPECT_TRUE(Resolve(Listener::kPartners, pair).ok());
  SetPartners({identity}, v1::PARTNER_STATE_TERMINATED);
  EXPECT_EQ(Resolve(Listener::kPartners, pair)->partner_state, v1::PARTNER_STATE_TERMINATED);
  SetPartners({});
  EXPECT_EQ(Refusal(Listener::kPartners, pair), v1::ERROR_REASON_UNAUTHENTICATED);
}

TEST_F(PrincipalResolverTest, WhatIsRememberedKeepsNoOldSnapshot) {
  const auto shop = Issue(shop_ca_, {"spiffe://shop.example/backend"});
  const auto pair = Issue(acme_ca_, {"spiffe://acme.example/client"});
  const Identity identity{"partners/acme", CaPem(acme_ca_), "spiffe://acme.example/client"};
  SetPartners({identity});
  const std::weak_ptr<const registry::Snapshot> old = snapshots_.Get();
  ASSERT_TRUE(Resolve(Listener::kShop, shop).ok());
  ASSERT_TRUE(Resolve(Listener::kPartners, pair).ok());
  SetPartners({identity});
  ASSERT_TRUE(Resolve(Listener::kPartners, pair).ok());
  EXPECT_TRUE(old.expired());
}

TEST_F(PrincipalResolverTest, ACertificateThatEndsMidwayIsRefusedFromThenOn) {
  const auto pair = Issue(shop_ca_, {"spiffe://shop.example/backend"});
  EXPECT_TRUE(Resolve(Listener::kShop, pair).ok());
  EXPECT_EQ(Refusal(Listener::kShop, pair, Noon() + absl::Hours(24)), v1::ERROR_REASON_CREDENTIAL_EXPIRED);
}

TEST_F(PrincipalResolverTest, AReplacedTrustBundleCountsAtOnce) {
  const auto pair = Issue(shop_ca_, {"spiffe://shop.example/backend"});
  EXPECT_TRUE(Resolve(Listener::kShop, pair).ok());
  resolver_->SetTrust(Listener::kShop, TrustBundle::Parse(CaPem(acme_ca_)).value());
  EXPECT_EQ(Refusal(Listener::kShop, pair), v1::ERROR_REASON_UNAUTHENTICATED);
}

TEST_F(PrincipalResolverTest, TheHandshakeAsksForTheChainAlone) {
  SetPartners({{"partners/acme", CaPem(acme_ca_), "spiffe://acme.example/client"}});
  const auto check = [this](Listener listener, const client::KeyPairPem& pair) {
    return resolver_->CheckChain(listener, {pair.certificate, ""}, Noon()).ok();
  };
  EXPECT_TRUE(check(Listener::kPartners, Issue(acme_ca_, {"a.example", "b.example"})));
  EXPECT_FALSE(check(Listener::kPartners, Issue(bolt_ca_, {"spiffe://acme.example/client"})));
  EXPECT_TRUE(check(Listener::kShop, Issue(shop_ca_, {"any.example"})));
  EXPECT_FALSE(check(Listener::kShop, Issue(people_ca_, {"any.example"})));
}

}  // namespace
}  // namespace postern::identity
