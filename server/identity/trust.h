// Whether a set of CA certificates vouches for a client's certificate.
#pragma once

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/identity/certificate.h"
#include "server/identity/x509.h"

namespace postern::identity {

// One trust bundle. Thread-safe.
//
// Every certificate in it is an anchor, intermediates too (X509_V_FLAG_PARTIAL_CHAIN): a partner that shares a root
// with others names its own issuing CA and nothing above it.
class TrustBundle {
 public:
  // INVALID_ARGUMENT unless `pem` is one or more CA certificates.
  static absl::StatusOr<std::shared_ptr<const TrustBundle>> Parse(absl::string_view pem);

  // Until when the chain holds: the earliest end among leaf and issuers. CREDENTIAL_EXPIRED if a certificate of the
  // chain is out of its time at `now`, UNAUTHENTICATED if there is no chain for TLS clients. Chains are built once per
  // leaf and remembered.
  absl::StatusOr<absl::Time> Verify(const Certificate& certificate, absl::Time now) const;

 private:
  // What building a chain gave; it holds from `not_before` to `not_after`.
  struct Window {
    absl::Time not_before;
    absl::Time not_after;
  };

  explicit TrustBundle(X509StorePtr store) : store_(std::move(store)) {}
  absl::StatusOr<Window> BuildChain(const Certificate& certificate, absl::Time now) const;

  const X509StorePtr store_;  // OpenSSL locks it inside
  mutable absl::Mutex mutex_;
  mutable absl::flat_hash_map<std::string, Window> verified_ ABSL_GUARDED_BY(mutex_);  // by leaf digest
};

}  // namespace postern::identity
