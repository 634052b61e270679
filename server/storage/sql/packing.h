// How short lists and times are laid out in a column.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/storage/store.h"

namespace postern::storage {

template <size_t kSize>
absl::string_view View(const std::array<uint8_t, kSize>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), kSize};
}
inline absl::string_view View(const crypto::Uuid& id) {
  return id.AsBytes();
}

// Items laid end to end.
absl::string_view PackMacs(const std::vector<Mac16>& macs);
absl::string_view PackUuids(const std::vector<crypto::Uuid>& ids);
absl::string_view PackWords(const std::vector<uint64_t>& words);

// DATA_LOSS if the size does not fit.
absl::Status Unpack(absl::string_view bytes, Mac16* mac);
absl::Status Unpack(absl::string_view bytes, Hash32* hash);
absl::Status Unpack(absl::string_view bytes, crypto::Uuid* id);
absl::Status Unpack(absl::string_view bytes, std::vector<Mac16>* macs);
absl::Status Unpack(absl::string_view bytes, std::vector<crypto::Uuid>* ids);
absl::Status Unpack(absl::string_view bytes, std::vector<uint64_t>* words);

// Ascending positions, as the gaps between them in base-128.
std::string PackSeqs(absl::Span<const int64_t> seqs);
absl::StatusOr<std::vector<int64_t>> UnpackSeqs(absl::string_view bytes);

// Microseconds since 1970.
inline int64_t PackTime(absl::Time time) {
  return absl::ToUnixMicros(time);
}
inline absl::Time UnpackTime(int64_t micros) {
  return absl::FromUnixMicros(micros);
}

// The key of a partner's queue: partner and ledger position in one integer, because a B-tree over integers holds whole
// rows in its leaves, which one over composite keys does not. Good for 2^40 positions and 2^23 partners.
inline constexpr int kSeqBits = 40;
inline int64_t QueueKey(PartnerId partner, int64_t seq) {
  return (partner << kSeqBits) | seq;
}
inline int64_t SeqOf(int64_t queue_key) {
  return queue_key & ((int64_t{1} << kSeqBits) - 1);
}
inline constexpr int64_t kMaxSeq = (int64_t{1} << kSeqBits) - 1;
inline constexpr PartnerId kMaxPartner = (PartnerId{1} << (63 - kSeqBits)) - 1;

}  // namespace postern::storage
