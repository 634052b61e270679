#include "server/identity/certificate.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "proto/errors/error.h"
#include "server/crypto/sha256.h"
#include "server/identity/errors.h"

namespace postern::identity {

absl::StatusOr<std::shared_ptr<const Certificate>> Certificate::Parse(absl::string_view leaf_pem,
                                                                      absl::string_view chain_pem) {
  auto leaves = ParseCertificates(leaf_pem);
  if (!leaves.ok() || leaves->size() != 1) return errors::NoCertificate();
  auto chain = ParseCertificates(chain_pem);
  if (!chain.ok()) return errors::NoCertificate();

  std::shared_ptr<Certificate> out(new Certificate());
  out->leaf_ = std::move(leaves->front());
  for (X509Ptr& certificate : *chain) {
    if (X509_cmp(certificate.get(), out->leaf_.get()) != 0) out->intermediates_.push_back(std::move(certificate));
  }

  unsigned char* der = nullptr;
  const int size = i2d_X509(out->leaf_.get(), &der);
  if (size <= 0) return errors::NoCertificate();
  out->digest_ = absl::BytesToHexString(crypto::AsBytes(
      crypto::Sha256(absl::string_view(reinterpret_cast<const char*>(der), static_cast<size_t>(size)))));
  OPENSSL_free(der);

  auto not_before = ToTime(X509_get0_notBefore(out->leaf_.get()));
  auto not_after = ToTime(X509_get0_notAfter(out->leaf_.get()));
  if (!not_before.ok() || !not_after.ok()) return errors::NoCertificate();
  out->not_before_ = *not_before;
  out->not_after_ = *not_after;

  GeneralNamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(out->leaf_.get(), NID_subject_alt_name, nullptr, nullptr)));
  out->name_ = UsableName(names.get());
  return std::shared_ptr<const Certificate>(std::move(out));
}

}  // namespace postern::identity
