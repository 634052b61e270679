#include "server/identity/x509.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "server/identity/errors.h"

namespace postern::identity {
namespace {

using BioPtr = std::unique_ptr<BIO, OpenSslDeleter<BIO_free>>;

// A SPIFFE id: spiffe://trust-domain/path, no query, fragment, user or port (SPIFFE-ID, section 2).
bool IsSpiffeId(absl::string_view uri) {
  if (!absl::StartsWith(uri, "spiffe://") || uri.size() > 2048) return false;
  uri.remove_prefix(9);
  const size_t slash = uri.find('/');
  const absl::string_view domain = uri.substr(0, slash);
  if (domain.empty() || domain.size() > 255) return false;
  for (const char c : domain) {
    if (!absl::ascii_islower(c) && !absl::ascii_isdigit(c) && c != '.' && c != '-' && c != '_') return false;
  }
  if (slash == absl::string_view::npos) return true;
  for (const absl::string_view segment : absl::StrSplit(uri.substr(slash + 1), '/')) {
    if (segment.empty() || segment == "." || segment == "..") return false;
    for (const char c : segment) {
      if (!absl::ascii_isalnum(c) && c != '.' && c != '-' && c != '_') return false;
    }
  }
  return true;
}

bool IsHostName(absl::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  for (const absl::string_view label : absl::StrSplit(name, '.')) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    for (const char c : label) {
      if (!absl::ascii_isalnum(c) && c != '-' && c != '_') return false;
    }
  }
  return true;
}

absl::string_view Text(const ASN1_IA5STRING* value) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)), static_cast<size_t>(ASN1_STRING_length(value))};
}

}  // namespace

absl::StatusOr<std::vector<X509Ptr>> ParseCertificates(absl::string_view pem) {
  std::vector<X509Ptr> out;
  // OpenSSL takes no buffer without an address. A resumed TLS session, for one, has no chain.
  if (pem.empty()) return out;
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (bio == nullptr) return errors::Malformed("certificates cannot be read");
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) out.emplace_back(certificate);
  // Running out of blocks is the normal end; anything else is a block that does not parse.
  const unsigned long error = ERR_peek_last_error();
  const bool ended = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!ended) return errors::Malformed("a certificate in the PEM text does not parse");
  return out;
}

absl::StatusOr<absl::Time> ToTime(const ASN1_TIME* time) {
  std::tm fields{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &fields) != 1)
    return errors::Malformed("a certificate has no valid time");
  return absl::FromCivil(absl::CivilSecond(fields.tm_year + 1900, fields.tm_mon + 1, fields.tm_mday, fields.tm_hour,
                                           fields.tm_min, fields.tm_sec),
                         absl::UTCTimeZone());
}

std::string ToPem(X509* certificate) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_X509(bio.get(), certificate) != 1) return std::string();
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

absl::StatusOr<std::string> UsableName(const GENERAL_NAMES* names) {
  std::string found;
  int count = 0;
  const int total = names == nullptr ? 0 : sk_GENERAL_NAME_num(names);
  for (int i = 0; i < total; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type == GEN_URI) {
      const absl::string_view uri = Text(name->d.uniformResourceIdentifier);
      if (!IsSpiffeId(uri)) return errors::Ambiguous("the certificate has a URI name that is not a SPIFFE id");
      found = std::string(uri);
      ++count;
    } else if (name->type == GEN_DNS) {
      const absl::string_view host = Text(name->d.dNSName);
      if (!IsHostName(host)) return errors::Ambiguous("the certificate has a DNS name that names no one host");
      found = absl::AsciiStrToLower(host);
      ++count;
    }
  }
  if (count == 0) return errors::Ambiguous("the certificate has no SPIFFE URI and no DNS name");
  if (count > 1) return errors::Ambiguous("the certificate has more than one URI or DNS name");
  return found;
}

std::string TakeOpenSslError() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  return reason == nullptr ? "unknown error" : reason;
}

}  // namespace postern::identity
