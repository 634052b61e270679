#include "client/verify/merkle.h"

#include <openssl/evp.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "client/verify/errors.h"

namespace postern::client::verify {
namespace {

constexpr char kLeafPrefix = 0x00;
constexpr char kNodePrefix = 0x01;

Hash Sha256(const std::string& bytes) {
  Hash hash;
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), hash.data(), &size, EVP_sha256(), nullptr) != 1 || size != hash.size()) {
    // Only without memory or with a broken OpenSSL; a verifier must not go on with a wrong hash.
    std::fputs("SHA-256 is not available from OpenSSL; cannot continue\n", stderr);
    std::abort();
  }
  return hash;
}

bool IsOdd(uint64_t n) {
  return (n & 1) != 0;
}

}  // namespace

Hash LeafHash(absl::string_view leaf) {
  std::string bytes(1, kLeafPrefix);
  bytes.append(leaf.data(), leaf.size());
  return Sha256(bytes);
}

Hash NodeHash(const Hash& left, const Hash& right) {
  std::string bytes(1, kNodePrefix);
  bytes.append(left.begin(), left.end()).append(right.begin(), right.end());
  return Sha256(bytes);
}

Hash EmptyRoot() {
  return Sha256("");
}

// RFC 9162, section 2.1.3.2; the names fn, sn and r are the RFC's.
absl::Status VerifyInclusion(const Hash& leaf_hash, uint64_t index, uint64_t size, absl::Span<const Hash> proof,
                             const Hash& root) {
  if (index >= size) return errors::NotVerified("the leaf is outside the tree");
  uint64_t fn = index;
  uint64_t sn = size - 1;
  Hash r = leaf_hash;
  for (const Hash& p : proof) {
    if (sn == 0) return errors::NotVerified("the inclusion proof is too long");
    if (IsOdd(fn) || fn == sn) {
      r = NodeHash(p, r);
      while (!IsOdd(fn) && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      r = NodeHash(r, p);
    }
    fn >>= 1;
    sn >>= 1;
  }
  if (sn != 0) return errors::NotVerified("the inclusion proof is too short");
  if (r != root) return errors::NotVerified("the inclusion proof leads to another root");
  return absl::OkStatus();
}

// RFC 9162, section 2.1.4.2; the names fn, sn, fr and sr are the RFC's.
absl::Status VerifyConsistency(uint64_t old_size, const Hash& old_root, uint64_t new_size, const Hash& new_root,
                               absl::Span<const Hash> proof) {
  if (old_size > new_size) return errors::NotVerified("the log has shrunk");
  if (old_size == new_size) {
    if (!proof.empty()) return errors::NotVerified("a consistency proof between equal sizes is empty");
    if (old_root != new_root) return errors::NotVerified("two roots for one size");
    return absl::OkStatus();
  }
  if (old_size == 0) {
    // Any log extends the empty one; only the empty root itself can be wrong.
    if (!proof.empty()) return errors::NotVerified("a consistency proof from the empty log is empty");
    if (old_root != EmptyRoot()) return errors::NotVerified("not the root of the empty log");
    return absl::OkStatus();
  }
  if (proof.empty()) return errors::NotVerified("the consistency proof is empty");

  uint64_t fn = old_size - 1;
  uint64_t sn = new_size - 1;
  while (IsOdd(fn)) {
    fn >>= 1;
    sn >>= 1;
  }
  // An old tree that is one complete subtree is its own first node, and not sent.
  const bool complete = (old_size & (old_size - 1)) == 0;
  const Hash& first = complete ? old_root : proof.front();
  if (!complete) proof.remove_prefix(1);
  Hash fr = first;
  Hash sr = first;
  for (const Hash& c : proof) {
    if (sn == 0) return errors::NotVerified("the consistency proof is too long");
    if (IsOdd(fn) || fn == sn) {
      fr = NodeHash(c, fr);
      sr = NodeHash(c, sr);
      while (!IsOdd(fn) && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      sr = NodeHash(sr, c);
    }
    fn >>= 1;
    sn >>= 1;
  }
  if (sn != 0) return errors::NotVerified("the consistency proof is too short");
  if (fr != old_root) return errors::NotVerified("the consistency proof starts from another root");
  if (sr != new_root) return errors::NotVerified("the consistency proof leads to another root");
  return absl::OkStatus();
}

void LogRecomputer::Add(absl::string_view leaf) {
  Subtree subtree{1, LeafHash(leaf)};
  while (!subtrees_.empty() && subtrees_.back().leaves == subtree.leaves) {
    subtree = {2 * subtree.leaves, NodeHash(subtrees_.back().hash, subtree.hash)};
    subtrees_.pop_back();
  }
  subtrees_.push_back(subtree);
  ++size_;
}

Hash LogRecomputer::Root() const {
  if (subtrees_.empty()) return EmptyRoot();
  auto subtree = subtrees_.rbegin();
  Hash root = subtree->hash;
  while (++subtree != subtrees_.rend()) root = NodeHash(subtree->hash, root);
  return root;
}

}  // namespace postern::client::verify
