#include "server/retention/terms.h"

#include "proto/postern/v1/storefront_service.pb.h"
#include "server/registry/times.h"

namespace postern::retention {
namespace {

std::optional<v1::OrderEvent> EventOf(v1::RetentionStart start) {
  switch (start) {
    case v1::DELIVERED:
      return v1::ORDER_EVENT_DELIVERED;
    case v1::ORDER_CLOSED:
      return v1::ORDER_EVENT_CLOSED;
    case v1::AFTER_SALES_CLOSED:
      return v1::ORDER_EVENT_AFTER_SALES_CLOSED;
    default:
      return std::nullopt;
  }
}

std::optional<absl::Time> StartOf(v1::RetentionStart start, absl::Time disclosed,
                                  absl::Span<const storage::OrderEventRow> events) {
  if (start == v1::DISCLOSED) return disclosed;
  const std::optional<v1::OrderEvent> wanted = EventOf(start);
  if (!wanted) return std::nullopt;
  const storage::OrderEventRow* found = nullptr;
  for (const storage::OrderEventRow& event : events) {
    if (event.event < *wanted) continue;
    if (found == nullptr || event.event < found->event) found = &event;
  }
  if (found == nullptr) return std::nullopt;
  return found->time;
}

}  // namespace

std::optional<absl::Time> EndOf(const Term& term, absl::Time disclosed,
                                absl::Span<const storage::OrderEventRow> events) {
  const std::optional<absl::Time> start = StartOf(term.starts_on, disclosed, events);
  if (!start) return std::nullopt;
  return absl::FromCivil(registry::UtcDay(*start) + term.days + 1, absl::UTCTimeZone());
}

}  // namespace postern::retention
