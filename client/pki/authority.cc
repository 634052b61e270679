#include "client/pki/authority.h"

#include <utility>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/errors/error.h"

namespace postern::client {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

absl::Status Failed(absl::string_view what) {
  return absl::InternalError(absl::StrCat("OpenSSL: cannot ", what));
}

std::string Drain(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

absl::StatusOr<std::string> PrivatePem(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free);
  if (bio == nullptr || PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return Failed("write a key");
  }
  return Drain(bio.get());
}

absl::StatusOr<std::string> CertificatePem(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free);
  if (bio == nullptr || PEM_write_bio_X509(bio.get(), certificate) != 1) return Failed("write a certificate");
  return Drain(bio.get());
}

absl::StatusOr<std::shared_ptr<EVP_PKEY>> NewP256Key() {
  std::shared_ptr<EVP_PKEY> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  if (key == nullptr) return Failed("generate a P-256 key");
  return key;
}

bool IsIp(absl::string_view name) {
  return name.find_first_not_of("0123456789.") == absl::string_view::npos || absl::StrContains(name, ':');
}

std::string SanValue(const std::vector<std::string>& names) {
  return absl::StrJoin(names, ",", [](std::string* out, const std::string& name) {
    if (absl::StartsWith(name, "spiffe://")) {
      absl::StrAppend(out, "URI:", name);
    } else if (IsIp(name)) {
      absl::StrAppend(out, "IP:", name);
    } else {
      absl::StrAppend(out, "DNS:", name);
    }
  });
}

absl::Status AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()), X509_EXTENSION_free);
  if (extension == nullptr || X509_add_ext(certificate, extension.get(), -1) != 1) return Failed("add an extension");
  return absl::OkStatus();
}

// Serial, validity, subject and key: what a CA's and a leaf's certificate have in common.
absl::StatusOr<std::shared_ptr<X509>> NewCertificate(absl::string_view common_name, EVP_PKEY* key,
                                                     absl::Time not_before, absl::Time not_after) {
  std::shared_ptr<X509> certificate(X509_new(), X509_free);
  if (certificate == nullptr) return Failed("make a certificate");
  unsigned char serial_bytes[16];
  if (RAND_bytes(serial_bytes, sizeof(serial_bytes)) != 1) return Failed("make a serial number");
  serial_bytes[0] &= 0x7f;
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> serial(BN_bin2bn(serial_bytes, sizeof(serial_bytes), nullptr),
                                                           BN_free);
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  if (X509_set_version(certificate.get(), 2) != 1 ||
      BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate.get())) == nullptr ||
      ASN1_TIME_set(X509_getm_notBefore(certificate.get()), absl::ToTimeT(not_before)) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(certificate.get()), absl::ToTimeT(not_after)) == nullptr ||
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(common_name.data()),
                                 static_cast<int>(common_name.size()), -1, 0) != 1 ||
      X509_set_pubkey(certificate.get(), key) != 1) {
    return Failed("fill in a certificate");
  }
  return certificate;
}

}  // namespace

Authority::Authority(std::shared_ptr<X509> certificate, std::shared_ptr<EVP_PKEY> key)
    : certificate_(std::move(certificate)), key_(std::move(key)) {}

absl::StatusOr<Authority> Authority::Create(absl::string_view common_name, absl::Time not_before,
                                            absl::Time not_after) {
  POSTERN_ASSIGN_OR_RETURN(std::shared_ptr<EVP_PKEY> key, NewP256Key());
  POSTERN_ASSIGN_OR_RETURN(std::shared_ptr<X509> certificate,
                           NewCertificate(common_name, key.get(), not_before, not_after));
  if (X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get())) != 1)
    return Failed("name the issuer");
  POSTERN_RETURN_IF_ERROR(
      AddExtension(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0"));
  POSTERN_RETURN_IF_ERROR(
      AddExtension(certificate.get(), certificate.get(), NID_key_usage, "critical,keyCertSign,cRLSign"));
  POSTERN_RETURN_IF_ERROR(AddExtension(certificate.get(), certificate.get(), NID_subject_key_identifier, "hash"));
  if (X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) return Failed("sign a certificate");
  return Authority(std::move(certificate), std::move(key));
}

absl::StatusOr<Authority> Authority::Load(const KeyPairPem& pem) {
  const Bio certificate_bio(BIO_new_mem_buf(pem.certificate.data(), static_cast<int>(pem.certificate.size())),
                            BIO_free);
  const Bio key_bio(BIO_new_mem_buf(pem.private_key.data(), static_cast<int>(pem.private_key.size())), BIO_free);
  std::shared_ptr<X509> certificate(PEM_read_bio_X509(certificate_bio.get(), nullptr, nullptr, nullptr), X509_free);
  std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  if (certificate == nullptr || key == nullptr || X509_check_private_key(certificate.get(), key.get()) != 1) {
    return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, "certificate and key of the CA do not fit together");
  }
  return Authority(std::move(certificate), std::move(key));
}

absl::StatusOr<KeyPairPem> Authority::Issue(const CertificateRequest& request) const {
  if (request.names.empty()) return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, "a certificate needs a name");
  POSTERN_ASSIGN_OR_RETURN(std::shared_ptr<EVP_PKEY> key, NewP256Key());
  // A common name is at most 64 characters; the SAN is what counts.
  POSTERN_ASSIGN_OR_RETURN(std::shared_ptr<X509> certificate,
                           NewCertificate(absl::string_view(request.names[0]).substr(0, 64), key.get(),
                                          request.not_before, request.not_after));
  if (X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate_.get())) != 1)
    return Failed("name the issuer");
  std::vector<std::string> usages;
  if (request.server) usages.push_back("serverAuth");
  if (request.client) usages.push_back("clientAuth");
  X509* leaf = certificate.get();
  POSTERN_RETURN_IF_ERROR(AddExtension(leaf, certificate_.get(), NID_basic_constraints, "critical,CA:FALSE"));
  POSTERN_RETURN_IF_ERROR(AddExtension(leaf, certificate_.get(), NID_key_usage, "critical,digitalSignature"));
  POSTERN_RETURN_IF_ERROR(AddExtension(leaf, certificate_.get(), NID_ext_key_usage, absl::StrJoin(usages, ",")));
  POSTERN_RETURN_IF_ERROR(AddExtension(leaf, certificate_.get(), NID_subject_alt_name, SanValue(request.names)));
  POSTERN_RETURN_IF_ERROR(AddExtension(leaf, certificate_.get(), NID_authority_key_identifier, "keyid:always"));
  if (X509_sign(leaf, key_.get(), EVP_sha256()) == 0) return Failed("sign a certificate");
  KeyPairPem pem;
  POSTERN_ASSIGN_OR_RETURN(pem.certificate, CertificatePem(leaf));
  POSTERN_ASSIGN_OR_RETURN(pem.private_key, PrivatePem(key.get()));
  return pem;
}

absl::StatusOr<KeyPairPem> Authority::Pem() const {
  KeyPairPem pem;
  POSTERN_ASSIGN_OR_RETURN(pem.certificate, CertificatePem(certificate_.get()));
  POSTERN_ASSIGN_OR_RETURN(pem.private_key, PrivatePem(key_.get()));
  return pem;
}

absl::StatusOr<SigningKeyPem> NewSigningKey(SigningAlgorithm algorithm) {
  std::shared_ptr<EVP_PKEY> key(
      algorithm == SigningAlgorithm::kEd25519 ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519") : EVP_EC_gen("P-256"),
      EVP_PKEY_free);
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free);
  if (key == nullptr || bio == nullptr || PEM_write_bio_PUBKEY(bio.get(), key.get()) != 1)
    return Failed("generate a signing key");
  SigningKeyPem pem;
  POSTERN_ASSIGN_OR_RETURN(pem.private_key, PrivatePem(key.get()));
  pem.public_key = Drain(bio.get());
  return pem;
}

absl::StatusOr<EnrolmentRequestPem> NewEnrolmentRequest(const std::string& name) {
  POSTERN_ASSIGN_OR_RETURN(std::shared_ptr<EVP_PKEY> key, NewP256Key());
  const std::unique_ptr<X509_REQ, decltype(&X509_REQ_free)> request(X509_REQ_new(), X509_REQ_free);
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free);
  if (request == nullptr || bio == nullptr || X509_REQ_set_version(request.get(), 0) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.get()) != 1) {
    return Failed("make a certificate request");
  }
  STACK_OF(X509_EXTENSION)* extensions = sk_X509_EXTENSION_new_null();
  X509_EXTENSION* san = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, SanValue({name}).c_str());
  bool ok = extensions != nullptr && san != nullptr && sk_X509_EXTENSION_push(extensions, san) > 0;
  ok = ok && X509_REQ_add_extensions(request.get(), extensions) == 1;
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  if (!ok || X509_REQ_sign(request.get(), key.get(), EVP_sha256()) == 0 ||
      PEM_write_bio_X509_REQ(bio.get(), request.get()) != 1) {
    return Failed("sign a certificate request");
  }
  EnrolmentRequestPem pem;
  POSTERN_ASSIGN_OR_RETURN(pem.private_key, PrivatePem(key.get()));
  pem.certificate_request = Drain(bio.get());
  return pem;
}

}  // namespace postern::client
