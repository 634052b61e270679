#include "server/registry/partner_validation.h"

#include <algorithm>
#include <memory>
#include <set>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "proto/errors/error.h"
#include "server/crypto/jwe.h"
#include "server/crypto/signature.h"
#include "server/registry/errors.h"

namespace postern::registry {
namespace {

constexpr size_t kMaxPem = 64 * 1024;
constexpr size_t kMaxSan = 255;
constexpr size_t kMaxText = 255;

bool IsResourceId(absl::string_view id) {
  return id.size() >= 3 && id.size() <= 63 && id.front() != '-' && id.back() != '-' &&
         std::all_of(id.begin(), id.end(),
                     [](char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-'; });
}

bool IsDnsName(absl::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  for (absl::string_view label : absl::StrSplit(name, '.')) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    for (char c : label) {
      if (!absl::ascii_islower(c) && !absl::ascii_isdigit(c) && c != '-') return false;
    }
  }
  return true;
}

// "spiffe://trust-domain/path", as the SPIFFE-ID standard has it: no query, fragment, port, empty or dot segment.
bool IsSpiffeId(absl::string_view id) {
  if (!absl::ConsumePrefix(&id, "spiffe://")) return false;
  const size_t slash = id.find('/');
  if (slash == absl::string_view::npos || !IsDnsName(id.substr(0, slash))) return false;
  for (absl::string_view segment : absl::StrSplit(id.substr(slash + 1), '/')) {
    if (segment.empty() || segment == "." || segment == "..") return false;
    for (char c : segment) {
      if (!absl::ascii_isalnum(c) && c != '-' && c != '.' && c != '_') return false;
    }
  }
  return true;
}

// One or more certificates and nothing but them.
bool IsTrustBundle(const std::string& pem) {
  if (pem.empty() || pem.size() > kMaxPem) return false;
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                      &BIO_free);
  if (bio == nullptr) return false;
  int certificates = 0;
  ERR_clear_error();
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    X509_free(certificate);
    ++certificates;
  }
  const unsigned long end = ERR_peek_last_error();
  ERR_clear_error();
  return certificates > 0 && ERR_GET_LIB(end) == ERR_LIB_PEM && ERR_GET_REASON(end) == PEM_R_NO_START_LINE;
}

bool IsIpv6(absl::string_view text) {
  in6_addr address{};
  return inet_pton(AF_INET6, std::string(text).c_str(), &address) == 1;
}

// A name or an IP address, IPv6 in brackets, and a port. No URI: "unix:/run/socket" and the like are no partner's.
bool IsHostPort(absl::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos || address.size() > kMaxSan) return false;
  absl::string_view host = address.substr(0, colon);
  const absl::string_view digits = address.substr(colon + 1);
  const bool bracketed = absl::ConsumePrefix(&host, "[") && absl::ConsumeSuffix(&host, "]");
  if (bracketed ? !IsIpv6(host) : !IsDnsName(absl::AsciiStrToLower(host))) return false;
  int port = 0;
  return std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit) && absl::SimpleAtoi(digits, &port) &&
         port >= 1 && port <= 65535;
}

bool IsKind(absl::string_view kind) {
  return kind == "logistics" || kind == "payment" || kind == "support";
}

absl::Status ValidateIdentity(const v1::PartnerIdentity& identity, absl::string_view field) {
  if (!IsTrustBundle(identity.trust_bundle_pem())) {
    return errors::InvalidField(absl::StrCat(field, ".trust_bundle_pem"), "must be PEM certificates");
  }
  switch (identity.name_case()) {
    case v1::PartnerIdentity::kSpiffeId:
      if (identity.spiffe_id().size() <= kMaxSan && IsSpiffeId(identity.spiffe_id())) return absl::OkStatus();
      return errors::InvalidField(absl::StrCat(field, ".spiffe_id"), "must be spiffe://trust-domain/path");
    case v1::PartnerIdentity::kDnsSan:
      if (IsDnsName(identity.dns_san())) return absl::OkStatus();
      return errors::InvalidField(absl::StrCat(field, ".dns_san"), "must be a lower-case DNS name without wildcard");
    case v1::PartnerIdentity::NAME_NOT_SET:
      break;
  }
  return errors::InvalidField(field, "needs one of spiffe_id and dns_san");
}

absl::Status ValidateEndpoint(const v1::PartnerEndpoint& endpoint, absl::string_view field) {
  if (endpoint.id().empty() || endpoint.id().size() > 63) {
    return errors::InvalidField(absl::StrCat(field, ".id"), "must have 1 to 63 characters");
  }
  if (!IsHostPort(endpoint.address())) {
    return errors::InvalidField(absl::StrCat(field, ".address"), "must be host:port");
  }
  if (!IsTrustBundle(endpoint.trust_bundle_pem())) {
    return errors::InvalidField(absl::StrCat(field, ".trust_bundle_pem"), "must be PEM certificates");
  }
  if (!IsDnsName(endpoint.server_san()) && !IsSpiffeId(endpoint.server_san())) {
    return errors::InvalidField(absl::StrCat(field, ".server_san"), "must be a DNS name or a SPIFFE id");
  }
  return absl::OkStatus();
}

absl::Status ValidateKey(const v1::AttestationKey& key, absl::string_view field) {
  if (key.key_id().empty() || key.key_id().size() > 63) {
    return errors::InvalidField(absl::StrCat(field, ".key_id"), "must have 1 to 63 characters");
  }
  if (!crypto::PublicKey::FromPem(key.public_key_pem()).ok()) {
    return errors::InvalidField(absl::StrCat(field, ".public_key_pem"), "must be an Ed25519 or P-256 public key");
  }
  return absl::OkStatus();
}

absl::Status ValidateEncryptionKey(const v1::EncryptionKey& key, absl::string_view field) {
  if (key.key_id().empty() || key.key_id().size() > 63) {
    return errors::InvalidField(absl::StrCat(field, ".key_id"), "must have 1 to 63 characters");
  }
  if (key.public_key_pem().size() > kMaxPem || !crypto::JweRecipient::FromPem("", key.public_key_pem()).ok()) {
    return errors::InvalidField(absl::StrCat(field, ".public_key_pem"), "must be a P-256 public key");
  }
  return absl::OkStatus();
}

// Runs `check` over a repeated field with at most `max` elements, whose `id`s must differ.
template <typename Elements, typename Check, typename Id>
absl::Status ValidateEach(const Elements& elements, int max, absl::string_view field, Check check, Id id) {
  if (elements.size() > max) return errors::InvalidField(field, absl::StrCat("has more than ", max, " elements"));
  std::set<std::string> seen;
  for (int i = 0; i < elements.size(); ++i) {
    const std::string element = absl::StrCat(field, "[", i, "]");
    POSTERN_RETURN_IF_ERROR(check(elements[i], element));
    if (!seen.insert(std::string(id(elements[i]))).second) return errors::InvalidField(element, "is there twice");
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view SanOf(const v1::PartnerIdentity& identity) {
  return identity.has_spiffe_id() ? identity.spiffe_id() : identity.dns_san();
}

absl::Status ValidatePartner(const v1::Partner& partner) {
  absl::string_view id = partner.name();
  if (!absl::ConsumePrefix(&id, "partners/") || !IsResourceId(id)) {
    return errors::InvalidField("partner.name",
                                "must be partners/{id}, the id 3 to 63 lower-case letters, digits and hyphens");
  }
  if (partner.legal_entity().empty() || partner.legal_entity().size() > kMaxText) {
    return errors::InvalidField("partner.legal_entity", "must have 1 to 255 bytes");
  }
  if (!IsKind(partner.kind())) {
    return errors::InvalidField("partner.kind", "must be logistics, payment or support");
  }
  POSTERN_RETURN_IF_ERROR(
      ValidateEach(partner.identities(), kMaxIdentities, "partner.identities", ValidateIdentity, SanOf));
  POSTERN_RETURN_IF_ERROR(ValidateEach(partner.endpoints(), kMaxEndpoints, "partner.endpoints", ValidateEndpoint,
                                       [](const v1::PartnerEndpoint& endpoint) { return endpoint.id(); }));
  POSTERN_RETURN_IF_ERROR(ValidateEach(partner.attestation_keys(), kMaxAttestationKeys, "partner.attestation_keys",
                                       ValidateKey, [](const v1::AttestationKey& key) { return key.key_id(); }));
  return ValidateEach(partner.encryption_keys(), kMaxEncryptionKeys, "partner.encryption_keys", ValidateEncryptionKey,
                      [](const v1::EncryptionKey& key) { return key.key_id(); });
}

bool HasEncryptionKey(const v1::Partner& partner, absl::string_view key_id) {
  return key_id.empty() || std::any_of(partner.encryption_keys().begin(), partner.encryption_keys().end(),
                                       [key_id](const v1::EncryptionKey& key) { return key.key_id() == key_id; });
}

absl::Status CheckIdentitiesFree(const v1::Partner& partner, const std::vector<storage::PartnerRow>& rows) {
  for (const storage::PartnerRow& row : rows) {
    if (row.partner.name() == partner.name()) continue;
    for (const v1::PartnerIdentity& theirs : row.partner.identities()) {
      for (const v1::PartnerIdentity& ours : partner.identities()) {
        if (SanOf(ours) == SanOf(theirs)) return errors::IdentityTaken(SanOf(ours), row.partner.name());
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace postern::registry
