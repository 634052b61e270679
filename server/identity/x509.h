// OpenSSL objects with owners, and the few conversions that every file here needs.
#pragma once

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace postern::identity {

template <auto kFree>
struct OpenSslDeleter {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using X509Ptr = std::unique_ptr<X509, OpenSslDeleter<X509_free>>;
using X509ReqPtr = std::unique_ptr<X509_REQ, OpenSslDeleter<X509_REQ_free>>;
using X509StorePtr = std::unique_ptr<X509_STORE, OpenSslDeleter<X509_STORE_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, OpenSslDeleter<EVP_PKEY_free>>;
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, OpenSslDeleter<GENERAL_NAMES_free>>;

// Every CERTIFICATE block of `pem`, in order. INVALID_ARGUMENT if a block does not parse; an input without blocks gives
// none.
absl::StatusOr<std::vector<X509Ptr>> ParseCertificates(absl::string_view pem);

// InfiniteFuture for a time that OpenSSL cannot read: callers treat it as malformed.
absl::StatusOr<absl::Time> ToTime(const ASN1_TIME* time);

std::string ToPem(X509* certificate);

// The one usable name among `names`: exactly one URI or DNS name in all, the URI a SPIFFE id, the DNS name without
// wildcard, lower-cased. IDENTITY_AMBIGUOUS otherwise. `names` may be null. Names of other kinds (mail, IP) name nobody
// and are ignored.
absl::StatusOr<std::string> UsableName(const GENERAL_NAMES* names);

// The newest error of OpenSSL's queue in words, the queue emptied.
std::string TakeOpenSslError();

}  // namespace postern::identity
