// Sealed disclosures as the gateway makes them, and the raw limits that they are measured against.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/crypto/payload_key.h"
#include "server/crypto/uuid7.h"
#include "server/storage/store.h"

namespace postern::bench {

inline constexpr size_t kPayloadBytes = 870;
inline constexpr int kSubjects = 50'000;

void DieUnless(const absl::Status& status);

// Customers who come back: their keys are there. Everything that is random in life is random here.
class Traffic {
 public:
  explicit Traffic(storage::GrantId grant);

  // Rows without what sealing adds; to be made before the clock runs.
  std::vector<storage::NewDisclosure> Draft(size_t size);
  // The payload under its derived key, and the leaf over a salted commitment.
  void Seal(storage::NewDisclosure& row);
  // The index value of a subject who is in about one row of kSubjects.
  storage::Mac16 Subject(int number) const;

 private:
  crypto::KeyHandle Key(crypto::KeyKind kind, uint64_t number);

  const storage::GrantId grant_;
  const crypto::KeyHandle epoch_;
  std::string payload_;
  uint64_t made_ = 0;
  crypto::Uuid7Generator ids_;
};

// One group made durable by the simplest means; what the ledger is compared with.
class Limit {
 public:
  virtual ~Limit() = default;
  virtual void Write(size_t rows) = 0;
};
// Appends to one file and calls fdatasync.
std::unique_ptr<Limit> RawAppend(const std::string& file);
// Rows of one SQLite table without any index, WAL, synchronous=FULL, checkpoints between the groups.
std::unique_ptr<Limit> PlainSqlite(const std::string& file);
// Rows of one PostgreSQL table that has no index but its primary key: by one multi-row INSERT with binary arrays, and
// by binary COPY.
std::unique_ptr<Limit> PostgresInsert(const std::string& conninfo);
std::unique_ptr<Limit> PostgresCopy(const std::string& conninfo);

}  // namespace postern::bench
