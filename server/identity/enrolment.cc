#include "server/identity/enrolment.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/random.h"
#include "server/crypto/sha256.h"
#include "server/identity/certificate.h"
#include "server/identity/errors.h"

namespace postern::identity {
namespace {

using BioPtr = std::unique_ptr<BIO, OpenSslDeleter<BIO_free>>;

constexpr int kMaxDays = 398;
// Clocks of partners run a little behind.
constexpr absl::Duration kBackdate = absl::Minutes(5);

BioPtr Reader(absl::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

bool IsStrong(EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
      return EVP_PKEY_get_bits(key) >= 2048;
    case EVP_PKEY_ED25519:
      return true;
    case EVP_PKEY_EC: {
      std::array<char, 32> group{};
      size_t size = 0;
      if (EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) != 1) return false;
      const absl::string_view name(group.data(), size);
      return name == "prime256v1" || name == "secp384r1";
    }
    default:
      return false;
  }
}

absl::StatusOr<std::string> KeyDigest(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  if (size <= 0) return errors::Malformed("the certificate request's key cannot be written");
  const crypto::Sha256Digest digest =
      crypto::Sha256(absl::string_view(reinterpret_cast<const char*>(der), static_cast<size_t>(size)));
  OPENSSL_free(der);
  return absl::BytesToHexString(crypto::AsBytes(digest));
}

absl::StatusOr<std::string> RequestedName(X509_REQ* request) {
  STACK_OF(X509_EXTENSION)* extensions = X509_REQ_get_extensions(request);
  GeneralNamesPtr names(
      static_cast<GENERAL_NAMES*>(X509V3_get_d2i(extensions, NID_subject_alt_name, nullptr, nullptr)));
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  return UsableName(names.get());
}

bool AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  std::unique_ptr<X509_EXTENSION, OpenSslDeleter<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

absl::Status SetSerial(X509* certificate) {
  std::array<uint8_t, 16> serial{};
  POSTERN_RETURN_IF_ERROR(crypto::FillRandom(serial.data(), serial.size()));
  serial[0] &= 0x7f;
  std::unique_ptr<BIGNUM, OpenSslDeleter<BN_free>> number(BN_bin2bn(serial.data(), serial.size(), nullptr));
  if (number == nullptr || BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) == nullptr) {
    return errors::Malformed("a serial number cannot be made");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<const EnrolmentCa>> EnrolmentCa::Create(const KeyPair& pair) {
  POSTERN_ASSIGN_OR_RETURN(std::vector<X509Ptr> chain, ParseCertificates(pair.chain_pem));
  if (chain.empty() || X509_check_ca(chain.front().get()) != 1) {
    return errors::Malformed("the enrolment certificate is not a CA's");
  }
  std::unique_ptr<EnrolmentCa> ca(new EnrolmentCa());
  ca->certificate_ = std::move(chain.front());
  const BioPtr bio = Reader(pair.private_key_pem.Reveal(crypto::SecretAccess::Granted()));
  ca->key_.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (ca->key_ == nullptr) return errors::Malformed("the enrolment key cannot be read");
  ca->chain_pem_ = pair.chain_pem;
  ca->not_after_ = pair.not_after;
  return std::unique_ptr<const EnrolmentCa>(std::move(ca));
}

absl::StatusOr<EnrolmentCa::Enrolled> EnrolmentCa::Sign(absl::string_view request_pem, int valid_days,
                                                        absl::Time now) const {
  if (valid_days < 1 || valid_days > kMaxDays) {
    return errors::Malformed(absl::StrCat("valid_days must be 1 to ", kMaxDays));
  }
  if (now >= not_after_) return errors::Expired();
  const BioPtr bio = Reader(request_pem);
  X509ReqPtr request(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  TakeOpenSslError();
  if (request == nullptr) return errors::Malformed("the certificate request does not parse");
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr || !IsStrong(key)) return errors::Malformed("the certificate request's key is not acceptable");
  if (X509_REQ_verify(request.get(), key) != 1) {
    TakeOpenSslError();
    return errors::Malformed("the certificate request is not signed by its own key");
  }
  Enrolled out;
  POSTERN_ASSIGN_OR_RETURN(out.name, RequestedName(request.get()));
  out.spiffe = absl::StartsWith(out.name, "spiffe://");
  POSTERN_ASSIGN_OR_RETURN(out.key_digest, KeyDigest(key));

  X509Ptr certificate(X509_new());
  if (certificate == nullptr) return errors::Malformed("a certificate cannot be made");
  X509_set_version(certificate.get(), X509_VERSION_3);
  POSTERN_RETURN_IF_ERROR(SetSerial(certificate.get()));
  const absl::Time not_after = std::min(now + absl::Hours(24) * valid_days, not_after_);
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), absl::ToTimeT(now - kBackdate));
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), absl::ToTimeT(not_after));
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate_.get()));
  X509_set_pubkey(certificate.get(), key);
  // The subject stays empty: the name is the SAN, which is critical then (RFC 5280, 4.2.1.6).
  X509* issuer = certificate_.get();
  const bool extended = AddExtension(certificate.get(), issuer, NID_basic_constraints, "critical,CA:FALSE") &&
                        AddExtension(certificate.get(), issuer, NID_key_usage, "critical,digitalSignature") &&
                        AddExtension(certificate.get(), issuer, NID_ext_key_usage, "clientAuth") &&
                        AddExtension(certificate.get(), issuer, NID_subject_key_identifier, "hash") &&
                        AddExtension(certificate.get(), issuer, NID_authority_key_identifier, "keyid") &&
                        AddExtension(certificate.get(), issuer, NID_subject_alt_name,
                                     absl::StrCat("critical,", out.spiffe ? "URI:" : "DNS:", out.name));
  // Ed25519 hashes inside and takes no digest.
  const EVP_MD* digest = EVP_PKEY_get_base_id(key_.get()) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256();
  if (!extended || X509_sign(certificate.get(), key_.get(), digest) == 0) {
    return errors::Malformed(absl::StrCat("the certificate cannot be signed: ", TakeOpenSslError()));
  }
  out.trust_bundle_pem = ToPem(certificate_.get());
  const std::string leaf_pem = ToPem(certificate.get());
  out.chain_pem = absl::StrCat(leaf_pem, chain_pem_);
  POSTERN_ASSIGN_OR_RETURN(const auto parsed, Certificate::Parse(leaf_pem, ""));
  out.not_after = parsed->not_after();
  out.digest = parsed->digest();
  const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate.get());
  out.serial = absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(serial->data), static_cast<size_t>(serial->length)));
  return out;
}

}  // namespace postern::identity
