#include "client/conformance/signed_notice.h"

#include <memory>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/verify/dsse.h"
#include "proto/errors/error.h"

namespace postern::client::conformance {
namespace {

constexpr char kNoticeType[] = "application/vnd.postern.deletion-notice.v1+protobuf";
constexpr char kCampaign[] = "00000000-0000-7000-8000-000000000001";

absl::StatusOr<std::string> SignEd25519(const std::string& private_key_pem, const std::string& message) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(private_key_pem.data(), static_cast<int>(private_key_pem.size())), BIO_free);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::string signature(64, '\0');
  size_t size = signature.size();
  if (key == nullptr || EVP_PKEY_is_a(key.get(), "ED25519") != 1 ||
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     reinterpret_cast<const unsigned char*>(message.data()), message.size()) != 1) {
    return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, "the notice key is not a PEM Ed25519 private key");
  }
  return signature;
}

void SetTime(absl::Time time, google::protobuf::Timestamp* out) {
  out->set_seconds(absl::ToUnixSeconds(time));
}

}  // namespace

std::string Sha256(const std::string& bytes) {
  std::string digest(32, '\0');
  EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr, EVP_sha256(),
             nullptr);
  return digest;
}

absl::StatusOr<v1::DeletionNotice> SignNotice(const std::string& partner, int page,
                                              const std::vector<v1::DeletionNoticeStatement::Item>& items,
                                              const std::string& private_key_pem, bool overdue) {
  const absl::Time now = absl::Now();
  v1::DeletionNotice notice;
  notice.set_name(absl::StrCat(partner, "/deletionCampaigns/", kCampaign, "/notices/", page));
  notice.set_state(v1::DeletionNotice::STATE_ISSUED);
  notice.set_handle_count(static_cast<int32_t>(items.size()));
  notice.set_overdue(overdue);
  SetTime(overdue ? now - absl::Hours(48) : now, notice.mutable_create_time());
  SetTime(overdue ? now - absl::Hours(24) : now + absl::Hours(24), notice.mutable_due_time());
  v1::DeletionNoticeStatement statement;
  statement.set_notice(notice.name());
  statement.set_partner(partner);
  statement.set_origin("postern.test/conformance");
  *statement.mutable_issue_time() = notice.create_time();
  *statement.mutable_due_time() = notice.due_time();
  statement.set_cause(v1::DeletionCampaign::CAUSE_TERMINATION);
  statement.set_page(page);
  for (const auto& item : items) *statement.add_items() = item;
  v1::SignedEnvelope& envelope = *notice.mutable_envelope();
  envelope.set_payload_type(kNoticeType);
  envelope.set_payload(statement.SerializeAsString());
  POSTERN_ASSIGN_OR_RETURN(
      const std::string signature,
      SignEd25519(private_key_pem, verify::PreAuthEncoding(envelope.payload_type(), envelope.payload())));
  envelope.add_signatures()->set_signature(signature);
  notice.set_digest(Sha256(envelope.payload()));
  return notice;
}

}  // namespace postern::client::conformance
