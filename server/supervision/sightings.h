// What partners were seen with: certificates and networks, as digests. Told by whoever answers their calls; what is new
// is told to supervision once and remembered in the store.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "server/storage/store.h"

namespace postern::supervision {

// Thread-safe.
class Sightings {
 public:
  // Reads what is remembered: once, before anything is served. LEDGER_UNAVAILABLE.
  absl::Status Load(storage::Store& store);

  // An authenticated call of `partner`, "partners/{partner}": the digest of its certificate, and its peer as gRPC names
  // it. Cheap where nothing is new.
  void Saw(absl::string_view partner, absl::string_view certificate, absl::string_view peer);

  // How many certificates and networks are new of a partner since the last time, and were not the first of their kind;
  // they are remembered in the store. LEDGER_UNAVAILABLE: they are told again.
  struct News {
    int certificates = 0;
    int networks = 0;
  };
  absl::StatusOr<News> TakeNews(storage::Store& store, const storage::PartnerRow& partner);

 private:
  using Kind = storage::SeenRow::Kind;
  // A partner that shows ever new ones is not followed for ever.
  static constexpr size_t kWaiting = 100;
  // What is noticed is a memory of what needs no second look: it may be forgotten.
  static constexpr size_t kNoticed = 100'000;
  struct Waiting {
    Kind kind = Kind::kCertificate;
    storage::Mac16 digest{};
  };

  absl::Mutex mutex_;
  absl::flat_hash_set<std::pair<storage::PartnerId, uint8_t>> known_kinds_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<std::tuple<storage::PartnerId, uint8_t, storage::Mac16>> known_ ABSL_GUARDED_BY(mutex_);
  // By name: calls know no row. Those that were told and those that wait.
  absl::flat_hash_set<std::tuple<std::string, uint8_t, storage::Mac16>> noticed_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::vector<Waiting>> waiting_ ABSL_GUARDED_BY(mutex_);
};

// The network of a peer: the first 24 bits of an IPv4 address, the first 48 of an IPv6 address, in hex with the kind
// before it; empty if the peer is none.
std::string NetworkOf(absl::string_view peer);

}  // namespace postern::supervision
