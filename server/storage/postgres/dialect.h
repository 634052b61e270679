// The SQL of server/storage/sql as PostgreSQL reads it.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace postern::storage {

// `?` and `?1` become `$1`, counted in order; `CROSS JOIN ... ON` becomes a plain join, whose order is kept because
// sessions have join_collapse_limit = 1.
std::string ToPostgres(absl::string_view sql);

}  // namespace postern::storage
