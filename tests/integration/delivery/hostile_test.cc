// A partner that attacks its listener: streams reset as fast as they open, connections by the thousand, frames, header
// blocks and messages that are wrong. The gateway stays up, its memory stays bounded, and the other partner's records
// come all the while.
//
// POSTERN_HOSTILE_COUNT says how many connections and malformed inputs (300), with ten times as many resets;
// POSTERN_HOSTILE_SEED with which numbers.
#include <atomic>
#include <deque>
#include <memory>
#include <random>
#include <set>
#include <thread>

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/partner/receive_loop.h"
#include "tests/integration/delivery/delivery_fixture.h"
#include "tests/integration/delivery/raw_http2.h"
#include "tests/support/environment.h"
#include "tests/support/retail_shop.h"

namespace postern::testing {
namespace {

constexpr char kHostile[] = "swift-parcel";
constexpr char kStanding[] = "/postern.v1.PartnerService/GetStanding";
constexpr char kReceive[] = "/postern.v1.PartnerService/Receive";
constexpr int kResetsAConnection = 1000;
constexpr size_t kHeldConnections = 300;  // at a time: more than the gateway allows one partner
constexpr absl::Duration kPace = absl::Milliseconds(10);
constexpr absl::Duration kPatience = absl::Seconds(10);
// What gRPC may use for all listeners is 256 MiB; sanitizers come on top of what this counts.
constexpr long kMostGrowthKib = 384 << 10;

// Records for the other partner, one every few milliseconds, until destroyed.
class Bystander {
 public:
  explicit Bystander(RetailShop* shop)
      : stub_(shop->Storefront()),
        receiving_(
            shop->gateway().PartnerChannel(kOther), client::ReceiveOptions(),
            [this](const v1::DeliveredRecord& record) { return inbox_.Take(record); },
            [this](const absl::Status&) {
              ++disconnections_;
              return true;
            }),
        disclosing_([this] { Disclose(); }) {}
  ~Bystander() { Stop(); }

  void Stop() {
    stopping_ = true;
    if (disclosing_.joinable()) disclosing_.join();
  }
  // After Stop: those that were disclosed and have not come.
  std::set<std::string> Missing() {
    std::set<std::string> missing = promised_;
    for (const v1::DeliveredRecord& record : inbox_.Await(promised_.size())) missing.erase(record.disclosure());
    return missing;
  }
  size_t promised() const { return promised_.size(); }
  int disconnections() const { return disconnections_; }
  absl::Duration slowest() const { return slowest_; }

 private:
  void Disclose() {
    for (int i = 0; !stopping_; ++i) {
      const absl::Time start = absl::Now();
      v1::CreateDisclosureResponse response;
      const grpc::Status status = stub_->CreateDisclosure(
          Deadline().get(), RetailShop::RequestFor(RecordOf(PlainShipment(absl::StrCat("b-", i))), kOther, "delivery"),
          &response);
      slowest_ = std::max(slowest_, absl::Now() - start);
      EXPECT_TRUE(status.ok()) << status.error_message();
      for (const v1::TargetResult& result : response.results()) promised_.insert(result.disclosure().name());
      absl::SleepFor(kPace);
    }
  }

  const std::unique_ptr<v1::StorefrontService::Stub> stub_;
  Inbox inbox_;
  std::atomic<int> disconnections_{0};
  std::atomic<bool> stopping_{false};
  std::set<std::string> promised_;
  absl::Duration slowest_;
  client::ReceiveLoop receiving_;
  std::thread disclosing_;
};

class HostileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const int64_t seed = FromEnvironment("POSTERN_HOSTILE_SEED", absl::ToUnixMicros(absl::Now()));
    RecordProperty("seed", absl::StrCat(seed));
    seed_ = absl::StrCat("POSTERN_HOSTILE_SEED=", seed);
    random_.seed(static_cast<uint64_t>(seed));
    shop_.Open();
    tls_ = std::make_unique<RawTls>(shop_.gateway().PartnerPair(kHostile));
    bystander_ = std::make_unique<Bystander>(&shop_);
    before_kib_ = shop_.gateway().process().ResidentKib();
  }

  std::string address() { return shop_.gateway().process().Address("partners"); }

  void Look() { peak_kib_ = std::max(peak_kib_, shop_.gateway().process().ResidentKib()); }

  // What holds after every attack.
  void CheckGateway() {
    Look();
    EXPECT_EQ(shop_.gateway().process().Wait(absl::ZeroDuration()), -1) << "the gateway has ended\n"
                                                                        << shop_.gateway().process().Log();
    EXPECT_LT(peak_kib_ - before_kib_, kMostGrowthKib);
    bystander_->Stop();
    EXPECT_GT(bystander_->promised(), 0u);
    EXPECT_THAT(bystander_->Missing(), ::testing::IsEmpty());
    EXPECT_EQ(bystander_->disconnections(), 0) << "the other partner's stream was broken";
    RecordProperty("kib_before", absl::StrCat(before_kib_));
    RecordProperty("kib_peak", absl::StrCat(peak_kib_));
    RecordProperty("bystander_records", absl::StrCat(bystander_->promised()));
    RecordProperty("bystander_slowest_ms", absl::StrCat(absl::ToInt64Milliseconds(bystander_->slowest())));
    EXPECT_EQ(LiveStreamsAfterAWhile(), 0) << "streams of the attacker are left over";
    // And the attacker itself is served again.
    EXPECT_TRUE(shop_.Disclose(RecordOf(PlainShipment("afterwards")), kHostile, "delivery").has_disclosure());
    EXPECT_EQ(shop_.Receive(kHostile, 1).size(), 1u);
  }

  // Of the attacker, once the gateway has noticed that they are gone.
  int LiveStreamsAfterAWhile() {
    const auto alice = shop_.Operator("alice");
    v1::SuspendPartnerRequest request;
    request.set_name(PartnerName(kHostile));
    request.set_reason("test");
    request.set_validate_only(true);
    v1::SuspendPartnerResponse response;
    const absl::Time deadline = absl::Now() + kPatience;
    do {
      EXPECT_TRUE(alice->SuspendPartner(Deadline().get(), request, &response).ok());
      if (response.effect().live_streams() == 0) break;
      absl::SleepFor(absl::Milliseconds(50));
    } while (absl::Now() < deadline);
    return response.effect().live_streams();
  }

  std::string RandomBytes(size_t most) {
    std::string bytes(random_() % (most + 1), '\0');
    for (char& c : bytes) c = static_cast<char>(random_());
    return bytes;
  }
  std::string Mutated(std::string bytes) {
    for (uint64_t i = 0, changes = 1 + random_() % 8; i < changes && !bytes.empty(); ++i) {
      const size_t at = random_() % bytes.size();
      switch (random_() % 3) {
        case 0:
          bytes[at] = static_cast<char>(random_());
          break;
        case 1:
          bytes.insert(at, RandomBytes(8));
          break;
        default:
          bytes.erase(at, random_() % 8);
      }
    }
    return bytes;
  }

  static std::string Call(uint32_t stream, absl::string_view method) {
    return Frame(FrameType::kHeaders, kEndHeaders, stream, GrpcHeaders(method));
  }
  static std::string Message(uint32_t stream, absl::string_view message) {
    return Frame(FrameType::kData, 0, stream,
                 absl::StrCat(GrpcPrefix(false, static_cast<uint32_t>(message.size())), message));
  }

  // Wrong on purpose: on the level of frames, of header blocks, of gRPC's framing or of protobuf.
  std::string Malformed() {
    const std::string preface = ConnectionPreface();
    const std::string credits("\x08\x10\x10\x80\x80\x04", 6);  // add_records: 16 add_bytes: 65536
    const auto type = static_cast<FrameType>(random_() % 12);
    const auto flags = static_cast<uint8_t>(random_());
    const auto stream = static_cast<uint32_t>(random_() % 8);
    switch (random_() % 14) {
      case 0:  // no HTTP/2 at all
        return RandomBytes(4096);
      case 1:  // a frame of any type, flags and stream
        return preface + Frame(type, flags, stream, RandomBytes(256));
      case 2:  // longer than SETTINGS_MAX_FRAME_SIZE
        return preface + Frame(FrameType::kData, 0, 1, std::string(64 << 10, 'x'));
      case 3:  // a frame that ends too early
        return preface + Call(1, kReceive).substr(0, random_() % 64);
      case 4:  // header blocks of noise
        return preface + Frame(FrameType::kHeaders, kEndHeaders, 1, RandomBytes(512));
      case 5:  // header blocks that are nearly right
        return preface + Frame(FrameType::kHeaders, kEndHeaders, 1, Mutated(GrpcHeaders(kReceive)));
      case 6: {  // a header block that never ends
        std::string flood = preface + Frame(FrameType::kHeaders, 0, 1, GrpcHeaders(kReceive));
        for (int i = 0; i < 64; ++i) flood += Frame(FrameType::kContinuation, 0, 1, std::string(1024, '\0'));
        return flood;
      }
      case 7: {  // metadata far beyond what is taken
        std::string block = GrpcHeaders(kReceive);
        for (int i = 0; i < 120; ++i) block += absl::StrCat(absl::string_view("\0\1x\x7e", 4), std::string(126, 'y'));
        return preface + Frame(FrameType::kHeaders, kEndHeaders, 1, block);
      }
      case 8:  // a window that overflows
        return preface + Call(1, kReceive) +
               Frame(FrameType::kWindowUpdate, 0, stream % 2, absl::string_view("\x7f\xff\xff\xff", 4)) +
               Frame(FrameType::kWindowUpdate, 0, stream % 2, absl::string_view("\x7f\xff\xff\xff", 4));
      case 9:  // settings of any name and value
        return preface + Frame(FrameType::kSettings, 0, 0, RandomBytes(60));
      case 10: {  // pings without end
        std::string flood = preface;
        for (int i = 0; i < 200; ++i) flood += Frame(FrameType::kPing, 0, 0, "12345678");
        return flood;
      }
      case 11:  // a message that is announced and does not come, compressed or not
        return preface + Call(1, kReceive) +
               Frame(FrameType::kData, 0, 1, GrpcPrefix(random_() % 2 == 0, static_cast<uint32_t>(random_())));
      case 12:  // a message that is no ReceiveRequest
        return preface + Call(1, kReceive) + Message(1, RandomBytes(512));
      default:  // ReceiveRequests that are nearly right
        return preface + Call(1, kReceive) + Message(1, credits) +
               Message(1, Mutated(credits + "\x1a\x04\x08\x01\x10\x01"));
    }
  }

  RetailShop shop_;
  std::unique_ptr<RawTls> tls_;
  std::unique_ptr<Bystander> bystander_;
  const int64_t count_ = FromEnvironment("POSTERN_HOSTILE_COUNT", 300);
  std::string seed_;
  std::mt19937_64 random_;
  long before_kib_ = 0;
  long peak_kib_ = 0;
};

TEST_F(HostileTest, StreamsThatAreResetAtOnce) {
  int64_t resets = 0;
  int64_t connections = 0;
  while (resets < 10 * count_) {
    RawHttp2 connection(address(), tls_.get());
    ASSERT_LT(++connections, 10 * count_) << "the gateway takes no connections";
    connection.Send(ConnectionPreface());
    for (uint32_t i = 0; i < kResetsAConnection && resets < 10 * count_; ++i) {
      const uint32_t stream = 2 * i + 1;
      // CANCEL; every other call would be a stream that lives.
      if (!connection.Send(Call(stream, i % 2 == 0 ? kStanding : kReceive) +
                           Frame(FrameType::kRstStream, 0, stream, absl::string_view("\0\0\0\x08", 4)))) {
        break;
      }
      ++resets;
    }
    Look();
    EXPECT_TRUE(connection.AwaitEnd(kPatience));
  }
  RecordProperty("resets", absl::StrCat(resets));
  CheckGateway();
}

TEST_F(HostileTest, ConnectionsByTheThousand) {
  std::deque<std::unique_ptr<RawHttp2>> held;
  for (int64_t i = 0; i < count_; ++i) {
    // Some say nothing at all, some only shake hands, some begin to speak, some call.
    auto connection = std::make_unique<RawHttp2>(address(), i % 4 == 0 ? nullptr : tls_.get());
    if (i % 4 >= 2) connection->Send(ConnectionPreface());
    if (i % 4 == 3) connection->Send(Call(1, kReceive));
    held.push_back(std::move(connection));
    if (held.size() > kHeldConnections) held.pop_front();
    if (i % 64 == 0) Look();
  }
  held.clear();
  CheckGateway();
}

TEST_F(HostileTest, InputThatIsMalformed) {
  SCOPED_TRACE(seed_);
  int64_t unended = 0;
  for (int64_t i = 0; i < count_; ++i) {
    RawHttp2 connection(address(), tls_.get());
    connection.Send(Malformed());
    unended += connection.AwaitEnd(kPatience) ? 0 : 1;
    if (i % 64 == 0) Look();
  }
  EXPECT_EQ(unended, 0) << "connections that are over stay open";
  CheckGateway();
}

}  // namespace
}  // namespace postern::testing
