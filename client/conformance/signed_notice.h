// Deletion notices as a gateway signs them.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/postern/v1/deletion.pb.h"

namespace postern::client::conformance {

std::string Sha256(const std::string& bytes);

// Notice `page` of a termination campaign of `partner`, for `handles`, signed with an Ed25519 key (PEM). It is overdue
// if that is said. INVALID_ARGUMENT if the key is none.
absl::StatusOr<v1::DeletionNotice> SignNotice(const std::string& partner, int page,
                                              const std::vector<v1::DeletionNoticeStatement::Item>& items,
                                              const std::string& private_key_pem, bool overdue);

}  // namespace postern::client::conformance
