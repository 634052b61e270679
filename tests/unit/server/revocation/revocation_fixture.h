// Every part of server/revocation on one control plane, with swift-parcel served.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/dsse.h"
#include "server/crypto/signature.h"
#include "server/registry/times.h"
#include "server/revocation/attestation.h"
#include "server/revocation/campaign_runner.h"
#include "server/revocation/contract_clock.h"
#include "server/revocation/notice.h"
#include "server/revocation/notice_reader.h"
#include "server/revocation/suspender.h"
#include "server/revocation/terminator.h"
#include "tests/unit/server/registry/control_fixture.h"

namespace postern::revocation {

inline constexpr char kSwift[] = "partners/swift-parcel";

inline identity::Principal Operator(const std::string& name, identity::Role role = identity::Role::kOperator) {
  identity::Principal principal;
  principal.name = "operators/" + name;
  principal.roles = {role};
  return principal;
}

inline identity::Principal PartnerPrincipal(const std::string& partner = kSwift) {
  identity::Principal principal;
  principal.name = partner;
  principal.partner = partner;
  principal.roles = {identity::Role::kPartner};
  return principal;
}

struct RevocationFixture : registry::ControlFixture {
  explicit RevocationFixture(const std::string& where, absl::Time at = DefaultNow(), int handles_a_notice = 1000)
      : ControlFixture(where, at),
        runner(&control, {"shop.example/postern/test", &notice_key, handles_a_notice}),
        terminator(&control, &runner),
        clock(&control, &suspender, &terminator, &runner) {}

  absl::StatusOr<v1::TerminatePartnerResponse> Terminate(const std::string& partner = kSwift) {
    v1::TerminatePartnerRequest request;
    request.set_name(partner);
    request.set_etag(Get(partner).etag());
    request.set_confirm(partner);
    request.set_reason("violation");
    return terminator.TerminatePartner(Operator("alice"), request);
  }

  // Registers a fresh attestation key.
  void RegisterKey(const std::string& partner = kSwift) {
    v1::UpdatePartnerRequest request;
    *request.mutable_partner() = Get(partner);
    v1::AttestationKey& key = *request.mutable_partner()->add_attestation_keys();
    key.set_key_id("2026");
    key.set_public_key_pem(partner_key.public_key().ToPem());
    const auto updated = UpdateByTwo(request);
    EXPECT_TRUE(updated.ok()) << updated.status();
  }

  std::vector<v1::DeletionNotice> Notices(const std::string& partner = kSwift) {
    v1::ListDeletionNoticesRequest request;
    request.set_page_size(100);
    const auto response = reader.ListDeletionNotices(PartnerPrincipal(partner), request);
    EXPECT_TRUE(response.ok()) << response.status();
    return {response->notices().begin(), response->notices().end()};
  }

  v1::DeletionCampaign Campaign() {
    const auto rows = store->ListCampaigns(std::nullopt);
    EXPECT_EQ(rows->size(), 1u);
    return rows->at(0).campaign;
  }

  // An attestation of everything as deleted, before `edit` and signing.
  absl::StatusOr<v1::AttestDeletionResponse> Attest(
      const v1::DeletionNotice& notice,
      const std::function<void(v1::DeletionAttestationStatement*)>& edit = [](v1::DeletionAttestationStatement*) {},
      const crypto::PrivateKey* key = nullptr, absl::string_view type = kAttestationPayloadType) {
    v1::AttestDeletionRequest request;
    request.set_name(notice.name());
    *request.mutable_attestation() = Signed(notice, edit, key, type);
    return desk.AttestDeletion(PartnerPrincipal(), request);
  }

  v1::SignedEnvelope Signed(const v1::DeletionNotice& notice,
                            const std::function<void(v1::DeletionAttestationStatement*)>& edit,
                            const crypto::PrivateKey* key, absl::string_view type) {
    const v1::DeletionNoticeStatement asked = *StatementOf(notice);
    v1::DeletionAttestationStatement statement;
    statement.set_notice(notice.name());
    statement.set_notice_digest(notice.digest());
    statement.set_partner(kSwift);
    registry::SetTime(now(), statement.mutable_attest_time());
    for (const auto& item : asked.items()) {
      auto& outcome = *statement.add_outcomes();
      outcome.set_handle(item.handle());
      outcome.set_result(v1::DeletionAttestationStatement::RESULT_DELETED);
    }
    edit(&statement);
    const crypto::PrivateKey* const signers[] = {key == nullptr ? &partner_key : key};
    return ToProto(*crypto::DsseSign(type, statement.SerializeAsString(), signers));
  }

  crypto::PrivateKey notice_key = *crypto::PrivateKey::Generate(crypto::SignatureAlgorithm::kEd25519);
  crypto::PrivateKey partner_key = *crypto::PrivateKey::Generate(crypto::SignatureAlgorithm::kEd25519);
  CampaignRunner runner;
  Suspender suspender{&control};
  Terminator terminator;
  AttestationDesk desk{&control};
  NoticeReader reader{&control};
  ContractClock clock;
};

class RevocationTest : public ::testing::Test {
 protected:
  void SetUp() override { gateway_.Serve(); }
  registry::TempDirectory directory_;
  RevocationFixture gateway_{directory_.path()};
};

}  // namespace postern::revocation
