// This thread's SHA-256 context, so that a digest allocates nothing.
#pragma once

#include <initializer_list>

#include "absl/strings/string_view.h"
#include "server/crypto/openssl_scope.h"
#include "server/crypto/sha256.h"

namespace postern::crypto {

// Digests fail only if OpenSSL is broken or memory is exhausted. A wrong digest must never be used, and no caller could
// mend it, so the process ends with a message.
void RequireDigest(bool ok);

struct DigestContext {
  OpensslPtr<EVP_MD> sha256;
  OpensslPtr<EVP_MD_CTX> context;  // between uses in any state
};

DigestContext& ThreadDigestContext();

// Adds `parts` to a context that is under way and finishes it.
Sha256Digest FinishDigest(EVP_MD_CTX* context, std::initializer_list<absl::string_view> parts);

}  // namespace postern::crypto
