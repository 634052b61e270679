#include "tests/bench/ledger/traffic.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/audit/leaf.h"
#include "server/crypto/random.h"
#include "server/crypto/sha256.h"

namespace postern::bench {
namespace {

constexpr size_t kMetadataBytes = 180;

template <typename Bytes>
void Randomize(Bytes& bytes) {
  DieUnless(crypto::FillRandom(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()));
}

}  // namespace

void DieUnless(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

Traffic::Traffic(storage::GrantId grant)
    : grant_(grant), epoch_(Key(crypto::KeyKind::kPartnerEpoch, 0)), payload_(kPayloadBytes, '\0') {
  Randomize(payload_);
}

crypto::KeyHandle Traffic::Key(crypto::KeyKind kind, uint64_t number) {
  const crypto::KeyId id(kind, crypto::KeyRealm::kStandard, crypto::Sha256(absl::StrCat(number)), 0);
  return {id, std::make_shared<const crypto::SecretBytes>(crypto::SecretBytes::CopyOf(std::string(32, 'k')))};
}

storage::Mac16 Traffic::Subject(int number) const {
  const crypto::Sha256Digest digest = crypto::Sha256(absl::StrCat("subject ", number));
  storage::Mac16 mac;
  std::copy_n(digest.begin(), mac.size(), mac.begin());
  return mac;
}

std::vector<storage::NewDisclosure> Traffic::Draft(size_t size) {
  std::vector<storage::NewDisclosure> group(size);
  for (storage::NewDisclosure& row : group) {
    const absl::Time now = absl::Now();
    row.id = *ids_.Next(now);
    row.request_id = *ids_.Next(now);
    row.time = now;
    row.partner = 1;
    row.grant = grant_;
    row.fences = {{storage::FenceScope::Kind::kPartner, "partners/one"}};
    Randomize(row.record_key);
    row.subjects = {Subject(static_cast<int>(made_++ * 7919 % kSubjects))};
    row.fences.push_back(
        {storage::FenceScope::Kind::kSubject, std::string(row.subjects[0].begin(), row.subjects[0].end())});
    row.key_ids.resize(3);
    for (crypto::Uuid& id : row.key_ids) Randomize(id.bytes);
    Randomize(row.order);
    Randomize(row.handle);
    row.withheld_bits = {1, 2};
    Randomize(row.content_digest);
    row.sealed_salt.assign(76, 's');
  }
  return group;
}

void Traffic::Seal(storage::NewDisclosure& row) {
  const std::vector<crypto::KeyHandle> subjects = {Key(crypto::KeyKind::kSubject, 1)};
  const crypto::PayloadKeyParts parts = {subjects, Key(crypto::KeyKind::kOrder, 2), epoch_};
  crypto::PayloadContext context;
  context.disclosure_id = row.id.AsBytes();
  context.partner = "partners/one";
  context.purpose = "delivery";
  context.record_type = "shop.v1.Shipment";
  auto sealed = crypto::SealPayload(parts, context, payload_);
  DieUnless(sealed.status());
  row.sealed_payload = *std::move(sealed);
  const auto salt = audit::NewCommitmentSalt();
  DieUnless(salt.status());
  const auto commitment = audit::CommitToPrivatePart(*salt, payload_);
  DieUnless(commitment.status());
  row.audit_leaf = audit::EncodeLeaf(std::string(kMetadataBytes, 'm'), *commitment);
}

}  // namespace postern::bench
