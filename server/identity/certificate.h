// A client's certificate as the peer presented it. Parsed, not yet trusted.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/identity/x509.h"

namespace postern::identity {

// Immutable; thread-safe.
class Certificate {
 public:
  // `leaf_pem` is one certificate; `chain_pem` holds what the peer sent with it, in any order, and may repeat the leaf.
  // UNAUTHENTICATED if the leaf is missing or anything does not parse.
  static absl::StatusOr<std::shared_ptr<const Certificate>> Parse(absl::string_view leaf_pem,
                                                                  absl::string_view chain_pem);

  // The one SPIFFE URI or DNS SAN, or IDENTITY_AMBIGUOUS.
  const absl::StatusOr<std::string>& name() const { return name_; }
  // Of the leaf alone.
  absl::Time not_before() const { return not_before_; }
  absl::Time not_after() const { return not_after_; }
  // Lower-case hex SHA-256 of the DER leaf.
  const std::string& digest() const { return digest_; }

  X509* leaf() const { return leaf_.get(); }
  const std::vector<X509Ptr>& intermediates() const { return intermediates_; }

 private:
  Certificate() = default;

  X509Ptr leaf_;
  std::vector<X509Ptr> intermediates_;
  absl::StatusOr<std::string> name_ = absl::UnknownError("not read");
  absl::Time not_before_;
  absl::Time not_after_;
  std::string digest_;
};

}  // namespace postern::identity
