#include "tests/unit/server/registry/control_fixture.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "proto/errors/error.h"
#include "proto/postern/v1/audit.pb.h"
#include "server/audit/leaf.h"
#include "server/crypto/root_keyset.h"
#include "server/crypto/sha256.h"
#include "server/crypto/uuid7.h"
#include "server/registry/partner_rows.h"
#include "server/storage/sqlite/sqlite_store.h"
#include "tests/unit/policy/bundle/bundle_files.h"

namespace postern::registry {
namespace {

std::string MakeCertificate() {
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  X509* certificate = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_sign(certificate, key, nullptr);
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<size_t>(size));
  BIO_free(bio);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return pem;
}

}  // namespace

const std::string& TestCertificate() {
  static const std::string& pem = *new std::string(MakeCertificate());
  return pem;
}

PartnerCutter::Cut RecordingPorts::StopPartner(absl::string_view partner, const absl::Status& status) {
  stopped.emplace_back(std::string(partner), status);
  if (on_stop) on_stop();
  return {std::exchange(live_streams, 0)};
}

int RecordingPorts::AbortPartner(absl::string_view partner) {
  aborted.emplace_back(partner);
  return 1;
}

TempDirectory::TempDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "postern-test-XXXXXX").string();
  EXPECT_NE(mkdtemp(pattern.data()), nullptr);
  path_ = pattern;
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

ControlFixture::ControlFixture(const std::string& where, absl::Time now) : directory(where), now_(now) {
  const std::string roots[] = {directory + "/root.keys", directory + "/minors.keys"};
  for (const std::string& root : roots) {
    if (std::filesystem::exists(root)) continue;
    EXPECT_TRUE(crypto::RootKeyset::CreateFile(root).ok());
  }
  crypto::KeyStoreOptions key_options;
  key_options.path = directory + "/keys.db";
  key_options.root_keyset_path = roots[0];
  key_options.minors_root_keyset_path = roots[1];
  key_options.create_if_missing = true;
  auto opened_keys = crypto::KeyStore::Open(key_options);
  EXPECT_TRUE(opened_keys.ok()) << opened_keys.status();
  keys = *std::move(opened_keys);

  storage::SqliteStoreOptions store_options;
  store_options.directory = directory + "/ledger";
  store_options.clock = [this] { return now_; };
  auto opened_store = storage::OpenSqliteStore(store_options);
  EXPECT_TRUE(opened_store.ok()) << opened_store.status();
  store = *std::move(opened_store);

  snapshots = std::make_unique<SnapshotBuilder>(store.get(), keys.get(), &holder, [this] { return now_; });
  control.store = store.get();
  control.keys = keys.get();
  control.snapshots = snapshots.get();
  control.events = &events;
  control.cutter = &ports;
  control.connections = &ports;
  control.clock = [this] { return now_; };
  subscription_ =
      events.Subscribe([this](const v1::WatchEventsResponse& event) { event_names.push_back(event.event()); });
  const absl::Status built = snapshots->Rebuild();
  EXPECT_TRUE(built.ok()) << built;
}

ControlFixture::~ControlFixture() = default;

absl::Time ControlFixture::DefaultNow() {
  return absl::FromCivil(absl::CivilSecond(2026, 6, 1, 12, 0, 0), absl::UTCTimeZone());
}

v1::Partner ControlFixture::Create(absl::string_view id, absl::string_view kind) {
  v1::CreatePartnerRequest request;
  v1::Partner& partner = *request.mutable_partner();
  partner.set_name(absl::StrCat("partners/", id));
  partner.set_legal_entity(absl::StrCat(id, " Ltd"));
  partner.set_kind(std::string(kind));
  v1::PartnerIdentity& identity = *partner.add_identities();
  identity.set_trust_bundle_pem(TestCertificate());
  identity.set_spiffe_id(absl::StrCat("spiffe://", id, ".example/client"));
  absl::StatusOr<v1::Partner> created = partners.CreatePartner("operators/alice", request);
  EXPECT_TRUE(created.ok()) << created.status();
  return *std::move(created);
}

v1::PolicyBundle ControlFixture::Bundle(const std::vector<std::pair<std::string, std::string>>& edit) const {
  const policy::BundleSources sources = policy::RetailSources();
  v1::PolicyBundle bundle;
  bundle.set_descriptor_set(sources.descriptor_set);
  for (const policy::TextSource& file : sources.files) {
    std::string text = file.text;
    for (const auto& [from, to] : edit) absl::StrReplaceAll({{from, to}}, &text);
    v1::PolicyBundle::SourceFile& out = *bundle.add_files();
    out.set_name(file.name);
    out.set_text(text);
  }
  return bundle;
}

void ControlFixture::Serve(const std::vector<std::pair<std::string, std::string>>& edit) {
  Create("swift-parcel");
  Create("nordic-freight");
  Create("clear-pay", "payment");
  v1::ApplyPolicyBundleRequest request;
  *request.mutable_bundle() = Bundle(edit);
  const auto applied = bundles.ApplyPolicyBundle("operators/alice", request);
  ASSERT_TRUE(applied.ok()) << applied.status();
  ActivateAll("operators/bob");
}

void ControlFixture::ActivateAll(absl::string_view principal) {
  const auto rows = store->ListPartners();
  ASSERT_TRUE(rows.ok());
  for (const storage::PartnerRow& row : *rows) {
    const auto revisions = store->ListRevisions(row.id);
    ASSERT_TRUE(revisions.ok());
    for (const storage::RevisionRow& revision : *revisions) {
      if (revision.revision.state() != v1::ContractRevision::STATE_PENDING) continue;
      v1::ActivateContractRevisionRequest request;
      request.set_name(revision.revision.name());
      const auto activated = bundles.ActivateContractRevision(principal, request);
      ASSERT_TRUE(activated.ok()) << activated.status();
    }
  }
}

absl::StatusOr<v1::Partner> ControlFixture::UpdateByTwo(v1::UpdatePartnerRequest request) {
  EXPECT_EQ(ReasonOf(partners.UpdatePartner("operators/alice", request).status()),
            v1::ERROR_REASON_SECOND_PERSON_REQUIRED);
  request.mutable_partner()->set_etag(Get(request.partner().name()).etag());
  return partners.UpdatePartner("operators/bob", request);
}

v1::Partner ControlFixture::Get(absl::string_view name) {
  return Row(name).partner;
}

storage::PartnerRow ControlFixture::Row(absl::string_view name) {
  absl::StatusOr<storage::PartnerRow> row = ReadPartner(*store, name);
  EXPECT_TRUE(row.ok()) << row.status();
  return row.ok() ? *row : storage::PartnerRow();
}

std::vector<int64_t> ControlFixture::Disclose(absl::string_view partner, int count, int first) {
  static crypto::Uuid7Generator& ids = *new crypto::Uuid7Generator;
  const std::shared_ptr<const Snapshot> snapshot = holder.Get();
  const PartnerView* view = snapshot->FindPartner(partner);
  const ActiveGrant* grant = view->FindGrant("delivery", "shop.v1.Shipment");
  EXPECT_NE(grant, nullptr);
  if (grant == nullptr) return {};
  std::vector<storage::NewDisclosure> group;
  for (int i = 0; i < count; ++i) {
    storage::NewDisclosure disclosure;
    disclosure.id = *ids.Next(now_);
    disclosure.partner = view->id;
    disclosure.grant = grant->grant_id;
    disclosure.time = now_;
    disclosure.resolved_at = snapshot->fence_version;
    disclosure.fences = {{storage::FenceScope::Kind::kPartner, std::string(partner)}};
    const crypto::Sha256Digest name = crypto::Sha256(absl::StrCat(partner, "#", first + i));
    std::copy_n(name.begin(), 16, disclosure.record_key.begin());
    disclosure.lane = disclosure.record_key[0] % storage::kLanes;
    disclosure.subjects = {disclosure.record_key};
    disclosure.order = disclosure.record_key;
    disclosure.handle = name;
    crypto::Uuid key;
    key.bytes = disclosure.record_key;
    disclosure.key_ids = {key};
    disclosure.sealed_payload = "sealed";
    disclosure.sealed_salt = "salt";
    disclosure.audit_leaf = "leaf";
    disclosure.request_id = *ids.Next(now_);
    group.push_back(std::move(disclosure));
  }
  std::vector<storage::CommitResult> results;
  const absl::Status committed = store->CommitGroup(group, {}, &results);
  EXPECT_TRUE(committed.ok()) << committed;
  std::vector<int64_t> seqs;
  for (const storage::CommitResult& result : results) {
    if (result.status.ok()) seqs.push_back(result.seq);
  }
  return seqs;
}

void ControlFixture::Handed(absl::string_view partner, int64_t seq) {
  storage::DispatchMark mark;
  mark.span.partner = Row(partner).id;
  mark.seq = seq;
  const absl::Status reserved = store->ReserveDispatch({mark});
  EXPECT_TRUE(reserved.ok()) << reserved;
}

void ControlFixture::Acknowledge(absl::string_view partner, std::vector<int64_t> seqs) {
  storage::SettleBatch batch;
  batch.span.partner = Row(partner).id;
  batch.time = now_;
  batch.acknowledged = std::move(seqs);
  const absl::Status settled = store->Settle({batch});
  EXPECT_TRUE(settled.ok()) << settled;
}

std::vector<std::string> ControlFixture::AuditActions() {
  std::vector<std::string> actions;
  const auto leaves = store->ReadLeaves(0, 100000);
  EXPECT_TRUE(leaves.ok());
  for (const std::string& bytes : *leaves) {
    const auto leaf = audit::DecodeLeaf(bytes);
    v1::AuditEntry entry;
    if (!leaf.ok() || !entry.ParseFromString(leaf->metadata)) continue;
    const auto action = entry.details().find("action");
    if (action != entry.details().end()) actions.push_back(action->second);
  }
  return actions;
}

}  // namespace postern::registry
