#include "tests/unit/server/storage/store_fixture.h"

#include <filesystem>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "server/storage/postgres/postgres_store.h"
#include "server/storage/sqlite/sqlite_store.h"
#include "tests/postgres/postgres_server.h"

namespace postern::storage {
namespace {

absl::StatusOr<std::unique_ptr<Store>> OpenSqlite(const std::string& folder) {
  SqliteStoreOptions options;
  options.directory = folder;
  options.clock = [] { return At(0); };
  return OpenSqliteStore(options);
}

// Everything that is written behind the commits is written at once, in the smallest batches.
absl::StatusOr<std::unique_ptr<Store>> OpenEagerSqlite(const std::string& folder) {
  SqliteStoreOptions options;
  options.directory = folder;
  options.clock = [] { return At(0); };
  options.checkpoint_pages = 1;
  options.index_batch = 1;
  options.version_batch = 1;
  return OpenSqliteStore(options);
}

// In a schema of its own for each folder.
absl::StatusOr<std::unique_ptr<Store>> OpenPostgres(const std::string& folder) {
  PostgresStoreOptions options;
  options.conninfo = ::postern::testing::PostgresServer::OfProcess().Conninfo();
  options.schema = absl::StrCat("store_", absl::Hex(absl::Hash<std::string>()(folder)));
  options.clock = [] { return At(0); };
  return OpenPostgresStore(options);
}

void PutBigEndian(uint64_t number, uint8_t* end) {
  for (int i = 1; i <= 8; ++i, number >>= 8) *(end - i) = static_cast<uint8_t>(number);
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Stores, StoreTest,
                         ::testing::Values(StoreKind{"Sqlite", OpenSqlite}, StoreKind{"EagerSqlite", OpenEagerSqlite},
                                           StoreKind{"Postgres", OpenPostgres}),
                         [](const auto& kind) { return kind.param.name; });

TemporaryFolder::TemporaryFolder(const std::string& parent) {
  std::string pattern = parent + "/postern_storage_XXXXXX";
  path_ = mkdtemp(pattern.data());
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Mac16 Mac(uint64_t number) {
  Mac16 mac{};
  mac[0] = 0xaa;
  PutBigEndian(number, mac.data() + 12);  // some tables tell keys apart by their first 12 bytes
  return mac;
}

crypto::Uuid Id(uint64_t number) {
  crypto::Uuid id;
  PutBigEndian(static_cast<uint64_t>(absl::ToUnixMillis(At(0))) << 16, id.bytes.data() + 8);
  id.bytes[6] = 0x70;
  PutBigEndian(number, id.bytes.data() + 16);
  id.bytes[8] = 0x80;
  return id;
}

absl::Time At(int64_t seconds) {
  return absl::FromUnixSeconds(1'760'000'000 + seconds);
}

NewDisclosure EntryMaker::Make(PartnerId partner) {
  const uint64_t number = next_++;
  NewDisclosure entry;
  entry.id = Id(number);
  entry.partner = partner;
  entry.lane = static_cast<int>(number % kLanes);
  entry.time = At(static_cast<int64_t>(number));
  entry.resolved_at = 0;
  entry.record_key = Mac(1'000'000 + number);
  entry.subjects = {Mac(2'000'000 + number)};
  entry.key_ids = {Id(3'000'000 + number), Id(4'000'000 + number)};
  entry.order = Mac(5'000'000 + number);
  entry.handle.fill(static_cast<uint8_t>(number));
  entry.sealed_payload = absl::StrCat("sealed payload ", number);
  entry.withheld_bits = {number, ~number};
  entry.sealed_salt = absl::StrCat("sealed salt ", number);
  entry.audit_leaf = absl::StrCat("leaf ", number);
  entry.principal = Mac(6'000'000);
  entry.request_id = Id(7'000'000 + number);
  entry.target = Mac(8'000'000 + static_cast<uint64_t>(partner));
  entry.content_digest.fill(static_cast<uint8_t>(number));
  return entry;
}

void StoreTest::SetUp() {
  Reopen();
}

void StoreTest::Reopen() {
  store_.reset();
  absl::StatusOr<std::unique_ptr<Store>> opened = GetParam().open(folder_.Path("data"));
  ASSERT_TRUE(opened.ok()) << opened.status();
  store_ = *std::move(opened);
}

GrantId StoreTest::GrantOf(PartnerId partner, const std::string& purpose, const std::string& revision) {
  return Value(
      store().InternGrant({partner, purpose, "shop.v1.Shipment", revision, "policy-1", "reference", "digest"}));
}

NewDisclosure StoreTest::Entry(PartnerId partner) {
  NewDisclosure entry = maker_.Make(partner);
  entry.grant = GrantOf(partner);
  return entry;
}

std::vector<CommitResult> StoreTest::CommitAll(const std::vector<NewDisclosure>& group,
                                               const std::vector<DispatchMark>& marks) {
  std::vector<CommitResult> results;
  EXPECT_STATUS_OK(store().CommitGroup(group, marks, &results));
  EXPECT_EQ(results.size(), group.size());
  results.resize(group.size());
  return results;
}

int64_t StoreTest::Commit(const NewDisclosure& entry) {
  const CommitResult result = CommitAll({entry})[0];
  EXPECT_STATUS_OK(result.status);
  EXPECT_FALSE(result.replayed);
  return result.seq;
}

std::vector<int64_t> StoreTest::CommitMany(int count, PartnerId partner) {
  std::vector<NewDisclosure> group;
  for (int i = 0; i < count; ++i) group.push_back(Entry(partner));
  std::vector<int64_t> seqs;
  for (const CommitResult& result : CommitAll(group)) seqs.push_back(result.seq);
  return seqs;
}

void StoreTest::Dispatch(int64_t seq, PartnerId partner) {
  const DispatchMark mark{LaneSpan{partner}, seq};
  EXPECT_STATUS_OK(store().ReserveDispatch({mark}));
}

void StoreTest::Settle(const SettleBatch& batch) {
  EXPECT_STATUS_OK(store().Settle(absl::MakeConstSpan(&batch, 1)));
}

SettleBatch StoreTest::Acknowledgement(std::vector<int64_t> seqs, int64_t watermark, PartnerId partner) {
  SettleBatch batch;
  batch.span.partner = partner;
  batch.time = At(100);
  batch.watermark = watermark;
  batch.acknowledged = std::move(seqs);
  return batch;
}

SettleBatch StoreTest::Ending(int64_t seq, v1::DisclosureState state, const std::string& reason, PartnerId partner) {
  SettleBatch batch;
  batch.span.partner = partner;
  batch.time = At(200);
  batch.settlements = {{seq, state, reason}};
  return batch;
}

std::vector<int64_t> StoreTest::Backlog(PartnerId partner) {
  std::vector<int64_t> seqs;
  for (const PendingPayload& payload : Value(store().ReadBacklog(partner, 0, 1000, 1 << 30)))
    seqs.push_back(payload.seq);
  return seqs;
}

DisclosureRow StoreTest::RowAt(int64_t seq, PartnerId partner) {
  const std::vector<DisclosureRow> rows = Value(store().ListDisclosures(partner, seq + 1, 1));
  if (rows.empty() || rows[0].seq != seq) {
    ADD_FAILURE() << "no disclosure at " << seq;
    return {};
  }
  return rows[0];
}

v1::DisclosureState StoreTest::StateOf(int64_t seq) {
  for (PartnerId partner = 1; partner <= 3; ++partner) {
    const std::vector<DisclosureRow> rows = Value(store().ListDisclosures(partner, seq + 1, 1));
    if (!rows.empty() && rows[0].seq == seq) return rows[0].state;
  }
  return v1::DISCLOSURE_STATE_UNSPECIFIED;
}

}  // namespace postern::storage
