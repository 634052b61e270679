// The rows of one group, column by column, as the arrays that one multi-row INSERT a table takes.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "server/crypto/merkle.h"
#include "server/storage/postgres/array.h"
#include "server/storage/postgres/connection.h"
#include "server/storage/store.h"

namespace postern::storage {

class GroupRows {
 public:
  void Add(const NewDisclosure& entry, int64_t seq, uint64_t leaf_index);
  void AddNode(const crypto::MerkleNode& node);
  absl::Status Insert(PostgresConnection& db);

 private:
  struct Requests {
    ArrayParameter id{kBytea}, principal{kBytea}, target{kBytea}, digest{kBytea}, seq{kInt8};
  };
  struct Disclosures {
    ArrayParameter seq{kInt8}, id{kBytea}, partner{kInt8}, grant{kInt8}, lane{kInt8}, exchange{kInt8}, time{kInt8},
        record_key{kBytea}, record_version{kInt8}, subjects{kBytea}, key_ids{kBytea}, order{kBytea}, handle{kBytea},
        withheld{kBytea}, sealed_salt{kBytea}, leaf_index{kInt8}, request_id{kBytea};
  };
  void AddSubjects(const NewDisclosure& entry, int64_t seq);

  Requests requests_;
  Disclosures disclosures_;
  ArrayParameter subjects_{kBytea}, subject_seqs_{kInt8};
  ArrayParameter pending_keys_{kInt8}, payloads_{kBytea};
  ArrayParameter exchange_keys_{kInt8};
  ArrayParameter leaf_indexes_{kInt8}, leaves_{kBytea};
  ArrayParameter node_levels_{kInt8}, node_indexes_{kInt8}, node_hashes_{kBytea};
};

}  // namespace postern::storage
