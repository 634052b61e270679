// Rows per second through the SQLite store: commit with audit leaf, request id and payload, dispatch mark and
// settlement of every record.
//
//   bench_storage FOLDER [SECONDS_PER_SIZE]     FOLDER must not exist; it is left for inspection
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "server/crypto/random.h"
#include "server/storage/sqlite/sqlite_store.h"

namespace postern::storage {
namespace {

constexpr size_t kPayloadBytes = 870;
constexpr size_t kLeafBytes = 220;

template <typename Bytes>
void Randomize(Bytes& bytes) {
  if (!crypto::FillRandom(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()).ok()) std::abort();
}

void DieUnless(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

// Entries with everything random that is random in life; made before the clock runs.
class Traffic {
 public:
  explicit Traffic(GrantId grant) : grant_(grant) {}

  std::vector<NewDisclosure> Group(size_t size) {
    std::vector<NewDisclosure> group(size);
    for (NewDisclosure& entry : group) {
      const absl::Time now = absl::Now();
      entry.id = *ids_.Next(now);
      entry.request_id = *ids_.Next(now);
      entry.time = now;
      entry.partner = 1;
      entry.grant = grant_;
      entry.fences = {{FenceScope::Kind::kPartner, "partners/one"}};
      Randomize(entry.record_key);
      Randomize(entry.subjects.emplace_back());
      entry.fences.push_back(
          {FenceScope::Kind::kSubject, std::string(entry.subjects[0].begin(), entry.subjects[0].end())});
      entry.key_ids.resize(3);
      for (crypto::Uuid& id : entry.key_ids) Randomize(id.bytes);
      Randomize(entry.order);
      Randomize(entry.handle);
      entry.withheld_bits = {1, 2};
      Randomize(entry.content_digest);
      entry.sealed_payload.resize(kPayloadBytes);
      Randomize(entry.sealed_payload);
      entry.sealed_salt.assign(76, 's');
      entry.audit_leaf.resize(kLeafBytes);
      Randomize(entry.audit_leaf);
    }
    return group;
  }

 private:
  const GrantId grant_;
  crypto::Uuid7Generator ids_;
};

// As the gateway does it: the mark goes with the group, the acknowledgement of a group is settled while later ones are
// committed.
void Run(Store& store, size_t group_size, absl::Duration duration) {
  Traffic traffic(*store.InternGrant({1, "delivery", "shop.v1.Shipment", "revision", "policy", "reference"}));
  absl::Duration spent;
  int64_t rows = 0;
  std::vector<int64_t> unsettled;
  while (spent < duration) {
    const std::vector<NewDisclosure> group = traffic.Group(group_size);
    const int64_t last = *store.ReadLastSeq() + static_cast<int64_t>(group_size);
    std::vector<CommitResult> results;
    const absl::Time start = absl::Now();
    DieUnless(store.CommitGroup(group, {DispatchMark{LaneSpan{1}, last}}, &results));
    for (const CommitResult& result : results) {
      DieUnless(result.status);
      unsettled.push_back(result.seq);
    }
    if (unsettled.size() >= 256) {
      SettleBatch batch;
      batch.span.partner = 1;
      batch.time = start;
      batch.watermark = last;
      batch.acknowledged.swap(unsettled);
      DieUnless(store.Settle({batch}));
    }
    spent += absl::Now() - start;
    rows += static_cast<int64_t>(group_size);
  }
  std::printf("group %4zu: %8.0f rows/s, %6.1f us a group\n", group_size,
              static_cast<double>(rows) / absl::ToDoubleSeconds(spent),
              absl::ToDoubleMicroseconds(spent) * static_cast<double>(group_size) / static_cast<double>(rows));
  std::fflush(stdout);
}

}  // namespace
}  // namespace postern::storage

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s FOLDER [SECONDS_PER_SIZE]\n", argv[0]);
    return 2;
  }
  postern::storage::SqliteStoreOptions options;
  options.directory = argv[1];
  auto store = postern::storage::OpenSqliteStore(options);
  postern::storage::DieUnless(store.status());
  const double seconds = argc > 2 ? std::atof(argv[2]) : 5;
  for (const size_t size : {size_t{1}, size_t{8}, size_t{64}, size_t{512}})
    postern::storage::Run(**store, size, absl::Seconds(seconds));
}
