#include "server/supervision/sightings.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "server/storage/sqlite/sqlite_store.h"

namespace postern::supervision {
namespace {

TEST(NetworkTest, IsTheBeginningOfTheAddress) {
  EXPECT_EQ(NetworkOf("ipv4:192.0.2.17:40000"), "4:c00002");
  EXPECT_EQ(NetworkOf("ipv4:192.0.2.200:1"), NetworkOf("ipv4:192.0.2.17:40000"));
  EXPECT_NE(NetworkOf("ipv4:192.0.3.17:40000"), NetworkOf("ipv4:192.0.2.17:40000"));
  EXPECT_EQ(NetworkOf("ipv6:%5B2001:db8:1:2::3%5D:40000"), "6:20010db80001");
  EXPECT_EQ(NetworkOf("ipv6:[2001:db8:1:ffff::3]:1"), "6:20010db80001");
  for (const char* peer : {"", "unix:/run/socket", "ipv4:", "ipv4:host:1", "ipv6:%5B::1"}) {
    EXPECT_EQ(NetworkOf(peer), "") << peer;
  }
}

class SightingsTest : public ::testing::Test {
 protected:
  SightingsTest() {
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    storage::SqliteStoreOptions options;
    options.directory = folder_ + "/data";
    store_ = *storage::OpenSqliteStore(options);
    partner_.id = 1;
    partner_.partner.set_name("partners/p");
  }
  ~SightingsTest() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  // Certificates and networks that are new.
  std::pair<int, int> News(Sightings& sightings) {
    const auto news = sightings.TakeNews(*store_, partner_);
    EXPECT_TRUE(news.ok());
    return {news->certificates, news->networks};
  }

  std::string folder_ = ::testing::TempDir() + "/sightings-XXXXXX";
  std::unique_ptr<storage::Store> store_;
  storage::PartnerRow partner_;
};

TEST_F(SightingsTest, TheFirstIsNoNewsAndEveryOtherIsNewsOnce) {
  Sightings sightings;
  ASSERT_TRUE(sightings.Load(*store_).ok());
  EXPECT_EQ(News(sightings), std::make_pair(0, 0));
  sightings.Saw("partners/p", "one", "ipv4:192.0.2.1:1");
  sightings.Saw("partners/other", "two", "ipv4:198.51.100.1:1");
  EXPECT_EQ(News(sightings), std::make_pair(0, 0));
  sightings.Saw("partners/p", "two", "ipv4:192.0.2.9:2");
  EXPECT_EQ(News(sightings), std::make_pair(1, 0));
  sightings.Saw("partners/p", "one", "ipv4:198.51.100.1:1");
  EXPECT_EQ(News(sightings), std::make_pair(0, 1));
  sightings.Saw("partners/p", "two", "ipv4:198.51.100.7:1");
  EXPECT_EQ(News(sightings), std::make_pair(0, 0));

  Sightings restarted;
  ASSERT_TRUE(restarted.Load(*store_).ok());
  restarted.Saw("partners/p", "one", "ipv4:198.51.100.1:1");
  EXPECT_EQ(News(restarted), std::make_pair(0, 0)) << "it was known before the restart";
  restarted.Saw("partners/p", "three", "ipv4:198.51.100.1:1");
  EXPECT_EQ(News(restarted), std::make_pair(1, 0));
}

}  // namespace
}  // namespace postern::supervision
