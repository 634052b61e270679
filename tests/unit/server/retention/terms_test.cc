#include "server/retention/terms.h"

#include <gtest/gtest.h>

#include "proto/postern/v1/storefront_service.pb.h"

namespace postern::retention {
namespace {

absl::Time At(int year, int month, int day, int hour = 0, int minute = 0, int second = 0) {
  return absl::FromCivil(absl::CivilSecond(year, month, day, hour, minute, second), absl::UTCTimeZone());
}

storage::OrderEventRow Event(v1::OrderEvent event, absl::Time time) {
  return {{}, static_cast<int>(event), time};
}

const absl::Time kDisclosed = At(2027, 12, 1);

TEST(Terms, EndAtTheFirstMidnightAfterTheirDays) {
  const Term term = {v1::ORDER_CLOSED, 30};
  EXPECT_EQ(EndOf(term, kDisclosed, {Event(v1::ORDER_EVENT_CLOSED, At(2027, 6, 1))}), At(2027, 7, 2));
  EXPECT_EQ(EndOf(term, kDisclosed, {Event(v1::ORDER_EVENT_CLOSED, At(2027, 6, 1, 23, 59, 59))}), At(2027, 7, 2));
  EXPECT_EQ(EndOf({v1::ORDER_CLOSED, 0}, kDisclosed, {Event(v1::ORDER_EVENT_CLOSED, At(2027, 6, 1, 12))}),
            At(2027, 6, 2));
}

TEST(Terms, CountLeapDays) {
  const auto end = [](int days) {
    return EndOf({v1::ORDER_CLOSED, days}, kDisclosed, {Event(v1::ORDER_EVENT_CLOSED, At(2028, 2, 28, 12))});
  };
  EXPECT_EQ(end(1), At(2028, 3, 1)) << "2028-02-29 is the one day";
  EXPECT_EQ(end(365), At(2029, 2, 28));
}

TEST(Terms, BeginWithTheEventAndNotBefore) {
  const Term term = {v1::AFTER_SALES_CLOSED, 1};
  EXPECT_EQ(EndOf(term, kDisclosed, {}), std::nullopt);
  EXPECT_EQ(EndOf(term, kDisclosed, {Event(v1::ORDER_EVENT_DELIVERED, At(2027, 6, 1))}), std::nullopt);
  EXPECT_EQ(EndOf({v1::DISCLOSED, 1}, kDisclosed, {}), At(2027, 12, 3));
  EXPECT_EQ(EndOf({}, kDisclosed, {Event(v1::ORDER_EVENT_CLOSED, At(2027, 6, 1))}), std::nullopt);
}

TEST(Terms, AnEventThatWasNeverReportedCountsAsOfTheNextLaterOne) {
  const std::vector<storage::OrderEventRow> events = {Event(v1::ORDER_EVENT_AFTER_SALES_CLOSED, At(2027, 8, 1)),
                                                      Event(v1::ORDER_EVENT_CLOSED, At(2027, 7, 1))};
  EXPECT_EQ(EndOf({v1::DELIVERED, 1}, kDisclosed, events), At(2027, 7, 3));
  EXPECT_EQ(EndOf({v1::AFTER_SALES_CLOSED, 1}, kDisclosed, events), At(2027, 8, 3));
}

}  // namespace
}  // namespace postern::retention
