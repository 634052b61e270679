#include "server/identity/trust.h"

#include <algorithm>
#include <utility>

#include "proto/errors/error.h"
#include "server/identity/errors.h"

namespace postern::identity {
namespace {

using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, OpenSslDeleter<X509_STORE_CTX_free>>;
// Frees the stack only: its certificates belong to others.
using BorrowedStackPtr = std::unique_ptr<STACK_OF(X509), decltype([](STACK_OF(X509) * stack) { sk_X509_free(stack); })>;

// Remembered leaves of one bundle. A partner has a handful; more is a sign of certificates made per connection.
constexpr size_t kMaxRemembered = 256;

}  // namespace

absl::StatusOr<std::shared_ptr<const TrustBundle>> TrustBundle::Parse(absl::string_view pem) {
  POSTERN_ASSIGN_OR_RETURN(std::vector<X509Ptr> certificates, ParseCertificates(pem));
  if (certificates.empty()) return errors::Malformed("a trust bundle holds no certificate");
  X509StorePtr store(X509_STORE_new());
  if (store == nullptr) return errors::Malformed("a trust bundle cannot be held");
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  for (const X509Ptr& certificate : certificates) {
    if (X509_check_ca(certificate.get()) != 1) {
      return errors::Malformed("a trust bundle holds a certificate that is not a CA's");
    }
    if (X509_STORE_add_cert(store.get(), certificate.get()) != 1) {
      return errors::Malformed("a trust bundle holds a certificate that cannot be used");
    }
  }
  return std::shared_ptr<const TrustBundle>(new TrustBundle(std::move(store)));
}

absl::StatusOr<absl::Time> TrustBundle::Verify(const Certificate& certificate, absl::Time now) const {
  {
    absl::MutexLock lock(&mutex_);
    const auto found = verified_.find(certificate.digest());
    if (found != verified_.end() && found->second.not_before <= now && now < found->second.not_after) {
      return found->second.not_after;
    }
  }
  POSTERN_ASSIGN_OR_RETURN(const Window window, BuildChain(certificate, now));
  absl::MutexLock lock(&mutex_);
  if (verified_.size() >= kMaxRemembered) verified_.clear();
  verified_[certificate.digest()] = window;
  return window.not_after;
}

absl::StatusOr<TrustBundle::Window> TrustBundle::BuildChain(const Certificate& certificate, absl::Time now) const {
  BorrowedStackPtr untrusted(sk_X509_new_null());
  StoreContextPtr context(X509_STORE_CTX_new());
  if (untrusted == nullptr || context == nullptr) return errors::Untrusted("out of memory");
  for (const X509Ptr& intermediate : certificate.intermediates()) {
    if (sk_X509_push(untrusted.get(), intermediate.get()) <= 0) return errors::Untrusted("out of memory");
  }
  if (X509_STORE_CTX_init(context.get(), store_.get(), certificate.leaf(), untrusted.get()) != 1) {
    return errors::Untrusted(TakeOpenSslError());
  }
  X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_CLIENT);
  X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context.get()), absl::ToTimeT(now));
  if (X509_verify_cert(context.get()) != 1) {
    const int error = X509_STORE_CTX_get_error(context.get());
    if (error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID) return errors::Expired();
    return errors::Untrusted(X509_verify_cert_error_string(error));
  }
  Window window{certificate.not_before(), certificate.not_after()};
  const STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(context.get());
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    POSTERN_ASSIGN_OR_RETURN(const absl::Time not_before, ToTime(X509_get0_notBefore(sk_X509_value(chain, i))));
    POSTERN_ASSIGN_OR_RETURN(const absl::Time not_after, ToTime(X509_get0_notAfter(sk_X509_value(chain, i))));
    window.not_before = std::max(window.not_before, not_before);
    window.not_after = std::min(window.not_after, not_after);
  }
  return window;
}

}  // namespace postern::identity
