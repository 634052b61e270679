// What monitoring sees: refusals, anomalies, the age of certificates and keys, in metrics, logs and alerting rules.
#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/support/retail_shop.h"

namespace postern::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class MonitoringTest : public ::testing::Test {
 protected:
  MonitoringTest() {
    shop_.Open([](v1::PolicyBundle* bundle) {
      EditFile(bundle, "contracts/swift-parcel.txtpb", "supervision { max_records_per_day: 50000 on_breach: ALERT }",
               "supervision { max_records_per_day: 2 on_breach: ALERT }");
    });
  }
  std::string Metrics() { return HttpGet(shop_.gateway().process().Address("operations"), "/metrics"); }

  RetailShop shop_;
};

// Clause: P1.3d
TEST_F(MonitoringTest, RefusalsAnomaliesAndTheAgeOfKeysAndCertificatesAreSeen) {
  v1::Partner partner;
  EXPECT_EQ(ReasonOf(shop_.Operator("vera")->CreatePartner(Deadline().get(), v1::CreatePartnerRequest(), &partner)),
            "ERROR_REASON_ROLE_DENIED");
  EXPECT_THAT(shop_.Disclose(RecordOf(PlainShipment("M-0")), "swift-parcel", "settlement").error().ShortDebugString(),
              HasSubstr("PURPOSE_NOT_GRANTED"));
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(
        shop_.Disclose(RecordOf(PlainShipment(absl::StrCat("M-", i))), "swift-parcel", "delivery").has_disclosure());
  }
  std::string metrics = Metrics();
  for (int i = 0; i < 150 && metrics.find("detector=\"volume\"} 1") == std::string::npos; ++i) {
    absl::SleepFor(absl::Milliseconds(100));
    metrics = Metrics();
  }
  EXPECT_THAT(metrics, HasSubstr("postern_supervision_findings_total{detector=\"volume\"} 1"));
  EXPECT_THAT(metrics, HasSubstr("postern_refused_calls_total{result=\"role_denied\"} 1")) << "refusals are counted";
  EXPECT_THAT(metrics, HasSubstr("postern_disclosures_total{result=\"purpose_not_granted\"} 1"));
  EXPECT_THAT(metrics, HasSubstr("postern_certificate_days_left{certificate=\"partners\"} 0.9"));
  EXPECT_THAT(metrics, HasSubstr("postern_key_age_days{key=\"minors_root\"} "));

  // Every line of the log is one JSON object with a time, a level and an event, and holds nothing of a record.
  const std::string log = shop_.gateway().process().Log();
  std::set<std::string> events;
  for (const absl::string_view line : absl::StrSplit(log, '\n', absl::SkipEmpty())) {
    google::protobuf::Struct parsed;
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(std::string(line), &parsed).ok()) << line;
    EXPECT_TRUE(parsed.fields().contains("time") && parsed.fields().contains("level")) << line;
    events.insert(parsed.fields().at("event").string_value());
  }
  EXPECT_THAT(events, Contains("supervision.volume"));
  EXPECT_THAT(log, Not(HasSubstr("Seestrasse")));
}

// Clause: P1.3d
TEST_F(MonitoringTest, EveryAlertAsksForAMetricThatIsThere) {
  std::ifstream file("deploy/monitoring/alerts.yml");
  std::ostringstream rules;
  rules << file.rdbuf();
  const std::string text = rules.str();
  ASSERT_FALSE(text.empty());
  const std::string metrics = Metrics();
  const std::regex name("postern_[a-z_]+");
  int asked = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), name); it != std::sregex_iterator(); ++it, ++asked) {
    EXPECT_THAT(metrics, HasSubstr(absl::StrCat("# TYPE ", it->str(), " "))) << "no such metric";
  }
  EXPECT_GE(asked, 10);
}

}  // namespace
}  // namespace postern::testing
