// bench-ledger FOLDER [--postgres CONNINFO] [--json] [--check] [--seconds S] [--rounds N] [--rows N]
//
// Accounted rows a second at group sizes 1, 8, 64 and 512 (sealed, with leaf, request id, dispatch mark, settlement and
// subject index), interleaved with two limits of the same machine in the same run: append + fdatasync, and SQLite rows
// without any index; on PostgreSQL, its multi-row INSERT and its COPY in place of the latter. With --rows the ledger is
// then filled to that many rows in groups of 64: how far the rate falls, how long the disclosures of one subject take,
// how much memory is used. --check: exit status 1 below a goal.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/storage/postgres/postgres_store.h"
#include "server/storage/sqlite/sqlite_store.h"
#include "tests/bench/ledger/traffic.h"

namespace postern::bench {
namespace {

constexpr size_t kSizes[] = {1, 8, 64, 512};
constexpr size_t kSettleEvery = 256;

struct Arguments {
  std::string folder;
  std::string postgres;  // the store is there; empty: SQLite
  bool json = false;
  bool check = false;
  double seconds = 2;
  int rounds = 3;
  int64_t rows = 0;
};

struct Figures {
  std::vector<double> rates;   // rows a second, one a round
  std::vector<double> micros;  // of every group
  double Rate() {
    std::sort(rates.begin(), rates.end());
    return rates[rates.size() / 2];
  }
  double P99() {
    std::sort(micros.begin(), micros.end());
    return micros[micros.size() * 99 / 100];
  }
};

absl::StatusOr<std::unique_ptr<storage::Store>> OpenStore(const Arguments& arguments) {
  if (arguments.postgres.empty()) {
    storage::SqliteStoreOptions options;
    options.directory = arguments.folder + "/ledger";
    return storage::OpenSqliteStore(options);
  }
  storage::PostgresStoreOptions options;
  options.conninfo = arguments.postgres;
  return storage::OpenPostgresStore(options);
}

// Commits groups as the gateway does: the mark goes with the group, acknowledgements are settled in batches.
class Ledger {
 public:
  explicit Ledger(const Arguments& arguments) {
    auto store = OpenStore(arguments);
    DieUnless(store.status());
    store_ = *std::move(store);
    const auto grant =
        store_->InternGrant({1, "delivery", "shop.v1.Shipment", "revision", "policy", "reference", "digest"});
    DieUnless(grant.status());
    traffic_ = std::make_unique<Traffic>(*grant);
  }

  storage::Store& store() { return *store_; }
  Traffic& traffic() { return *traffic_; }

  absl::Duration Write(size_t rows) {
    std::vector<storage::NewDisclosure> group = traffic_->Draft(rows);
    const int64_t last = *store_->ReadLastSeq() + static_cast<int64_t>(rows);
    std::vector<storage::CommitResult> results;
    const absl::Time start = absl::Now();
    for (storage::NewDisclosure& row : group) traffic_->Seal(row);
    DieUnless(store_->CommitGroup(group, {storage::DispatchMark{storage::LaneSpan{1}, last}}, &results));
    for (const storage::CommitResult& result : results) {
      DieUnless(result.status);
      unsettled_.push_back(result.seq);
    }
    if (unsettled_.size() >= kSettleEvery) {
      storage::SettleBatch batch;
      batch.span.partner = 1;
      batch.time = start;
      batch.watermark = last;
      batch.acknowledged.swap(unsettled_);
      DieUnless(store_->Settle({batch}));
    }
    return absl::Now() - start;
  }

 private:
  std::unique_ptr<storage::Store> store_;
  std::unique_ptr<Traffic> traffic_;
  std::vector<int64_t> unsettled_;
};

template <typename Write>
void Measure(size_t size, double seconds, Figures* figures, Write write) {
  absl::Duration spent;
  double rows = 0;
  while (absl::ToDoubleSeconds(spent) < seconds) {
    const absl::Duration one = write(size);
    spent += one;
    rows += static_cast<double>(size);
    figures->micros.push_back(absl::ToDoubleMicroseconds(one));
  }
  figures->rates.push_back(rows / absl::ToDoubleSeconds(spent));
}

absl::Duration Timed(Limit& limit, size_t size) {
  const absl::Time start = absl::Now();
  limit.Write(size);
  return absl::Now() - start;
}

double ResidentMegabytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::strtod(line.c_str() + 6, nullptr) / 1024;
  }
  return 0;
}

struct Growth {
  double first = 0;  // rows a second over the first tenth
  double last = 0;   // and over the last
  double subject_ms = 0;
  double megabytes = 0;
};

Growth Fill(Ledger& ledger, int64_t rows) {
  Growth growth;
  const int64_t tenth = std::max<int64_t>(rows / 10, 64);
  for (int part = 0; part < 10; ++part) {
    absl::Duration spent;
    for (int64_t done = 0; done < tenth; done += 64) spent += ledger.Write(64);
    const double rate = static_cast<double>(tenth) / absl::ToDoubleSeconds(spent);
    if (part == 0) growth.first = rate;
    growth.last = rate;
  }
  for (int number = 0; number < 20; ++number) {
    const absl::Time start = absl::Now();
    DieUnless(ledger.store().ListBySubject(ledger.traffic().Subject(number * 977), 0, 100).status());
    growth.subject_ms = std::max(growth.subject_ms, absl::ToDoubleMilliseconds(absl::Now() - start));
  }
  growth.megabytes = ResidentMegabytes();
  return growth;
}

bool Parse(int argc, char** argv, Arguments* out) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--json") {
      out->json = true;
    } else if (name == "--check") {
      out->check = true;
    } else if (name == "--postgres" && i + 1 < argc) {
      out->postgres = argv[++i];
    } else if (name == "--seconds" && i + 1 < argc) {
      if (!absl::SimpleAtod(argv[++i], &out->seconds)) return false;
    } else if (name == "--rounds" && i + 1 < argc) {
      if (!absl::SimpleAtoi(argv[++i], &out->rounds)) return false;
    } else if (name == "--rows" && i + 1 < argc) {
      if (!absl::SimpleAtoi(argv[++i], &out->rows)) return false;
    } else if (out->folder.empty() && name[0] != '-') {
      out->folder = name;
    } else {
      return false;
    }
  }
  return !out->folder.empty() && out->rounds > 0;
}

// What the ledger is measured against; the first is what its share is told of.
struct Rival {
  const char* name;
  std::unique_ptr<Limit> limit;
  std::map<size_t, Figures> figures;
};

std::vector<Rival> Rivals(const Arguments& arguments) {
  std::vector<Rival> rivals;
  if (arguments.postgres.empty()) {
    rivals.push_back({"sqlite_without_index", PlainSqlite(arguments.folder + "/plain.db"), {}});
  } else {
    rivals.push_back({"multi_row_insert", PostgresInsert(arguments.postgres), {}});
    rivals.push_back({"copy", PostgresCopy(arguments.postgres), {}});
  }
  rivals.push_back({"append_fdatasync", RawAppend(arguments.folder + "/append"), {}});
  return rivals;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  if (!Parse(argc, argv, &arguments)) {
    std::fputs(
        "usage: bench-ledger FOLDER [--postgres CONNINFO] [--json] [--check] [--seconds S] [--rounds N] [--rows N]\n",
        stderr);
    return 2;
  }
  Ledger ledger(arguments);
  std::vector<Rival> rivals = Rivals(arguments);
  std::map<size_t, Figures> ledgers;
  for (int round = 0; round < arguments.rounds; ++round) {
    for (const size_t size : kSizes) {
      for (Rival& rival : rivals) {
        Measure(size, arguments.seconds, &rival.figures[size], [&](size_t n) { return Timed(*rival.limit, n); });
      }
      Measure(size, arguments.seconds, &ledgers[size], [&](size_t n) { return ledger.Write(n); });
    }
  }
  std::string json =
      absl::StrCat("{\"store\":\"", arguments.postgres.empty() ? "sqlite" : "postgres", "\",\"groups\":{");
  for (const size_t size : kSizes) {
    if (size != kSizes[0]) json += ",";
    absl::StrAppend(&json, "\"", size, "\":{\"ledger\":", static_cast<int64_t>(ledgers[size].Rate()),
                    ",\"ledger_p99_us\":", static_cast<int64_t>(ledgers[size].P99()));
    std::string text = absl::StrCat("group ", size, ": ledger ", static_cast<int64_t>(ledgers[size].Rate()),
                                    " rows/s (p99 ", static_cast<int64_t>(ledgers[size].P99()), " us)");
    for (Rival& rival : rivals) {
      const auto rate = static_cast<int64_t>(rival.figures[size].Rate());
      absl::StrAppend(&json, ",\"", rival.name, "\":", rate);
      absl::StrAppend(&text, ", ", rival.name, " ", rate);
    }
    const double ratio = ledgers[size].Rate() / rivals[0].figures[size].Rate();
    absl::StrAppend(&json, ",\"ratio\":", ratio, "}");
    if (!arguments.json) std::printf("%s, ratio %.2f\n", text.c_str(), ratio);
  }
  json += "}";
  const double share = ledgers[64].Rate() / rivals[0].figures[64].Rate();
  bool good = arguments.postgres.empty() ? ledgers[64].Rate() >= 50'000 && share >= 0.45 : share >= 0.4;
  if (arguments.rows > 0) {
    const Growth growth = Fill(ledger, arguments.rows);
    const double fall = 1 - growth.last / growth.first;
    absl::StrAppend(&json, ",\"growth\":{\"rows\":", arguments.rows, ",\"first\":", static_cast<int64_t>(growth.first),
                    ",\"last\":", static_cast<int64_t>(growth.last), ",\"fall\":", fall,
                    ",\"subject_ms\":", growth.subject_ms, ",\"megabytes\":", growth.megabytes, "}");
    if (!arguments.json) {
      std::printf("over %lld rows: %.0f rows/s at first, %.0f in the end; a subject in %.1f ms; %.0f MB\n",
                  static_cast<long long>(arguments.rows), growth.first, growth.last, growth.subject_ms,
                  growth.megabytes);
    }
    good = good && fall < 0.2 && growth.subject_ms < 20 && growth.megabytes < 256;
  }
  if (arguments.json) std::printf("%s}\n", json.c_str());
  return arguments.check && !good ? 1 : 0;
}

}  // namespace
}  // namespace postern::bench

int main(int argc, char** argv) {
  return postern::bench::Main(argc, argv);
}
