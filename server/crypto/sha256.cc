#include "server/crypto/sha256.h"

#include <openssl/crypto.h>

#include <cstdio>
#include <cstdlib>

#include "server/crypto/digest_context.h"

namespace postern::crypto {

void RequireDigest(bool ok) {
  if (ok) return;
  std::fputs("postern: SHA-256 is not available from OpenSSL; cannot continue\n", stderr);
  std::abort();
}

DigestContext& ThreadDigestContext() {
  thread_local DigestContext digest = [] {
    DigestContext created{OpensslPtr<EVP_MD>(EVP_MD_fetch(nullptr, "SHA256", nullptr)),
                          OpensslPtr<EVP_MD_CTX>(EVP_MD_CTX_new())};
    RequireDigest(created.sha256 != nullptr && created.context != nullptr);
    return created;
  }();
  return digest;
}

Sha256Digest FinishDigest(EVP_MD_CTX* context, std::initializer_list<absl::string_view> parts) {
  for (absl::string_view part : parts) RequireDigest(EVP_DigestUpdate(context, part.data(), part.size()) == 1);
  Sha256Digest digest;
  unsigned size = 0;
  RequireDigest(EVP_DigestFinal_ex(context, digest.data(), &size) == 1 && size == digest.size());
  return digest;
}

Sha256Digest Sha256(std::initializer_list<absl::string_view> parts) {
  DigestContext& digest = ThreadDigestContext();
  RequireDigest(EVP_DigestInit_ex2(digest.context.get(), digest.sha256.get(), nullptr) == 1);
  return FinishDigest(digest.context.get(), parts);
}

bool ConstantTimeEquals(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace postern::crypto
