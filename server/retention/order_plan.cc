#include "server/retention/order_plan.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "proto/errors/error.h"
#include "server/retention/terms.h"

namespace postern::retention {
namespace {

void KeepEarlier(std::optional<absl::Time> end, std::optional<absl::Time>* earliest) {
  if (end && (!*earliest || *end < **earliest)) *earliest = end;
}

// When `category` of the record ends; nullopt while nothing has started a term of it.
std::optional<absl::Time> EndOfCategory(const std::string& category, const storage::DisclosureRow& row,
                                        absl::Span<const storage::OrderEventRow> events,
                                        const policy::Vocabulary& vocabulary, const v1::PartnerRetention& partner) {
  std::optional<absl::Time> earliest;
  KeepEarlier(EndOf({partner.starts_on(), partner.days()}, row.time, events), &earliest);
  if (const v1::RetentionRule* rule = vocabulary.Retention(category); rule != nullptr) {
    KeepEarlier(EndOf({rule->starts_on(), rule->days()}, row.time, events), &earliest);
  }
  return earliest;
}

std::set<std::string> CategoriesOf(const rights::GrantFacts& facts) {
  std::set<std::string> categories;
  for (const v1::AccessEntry::DisclosedField& field : facts.fields) categories.insert(field.category());
  return categories;
}

}  // namespace

absl::StatusOr<OrderPlan> PlanOrder(absl::Span<const storage::DisclosureRow> rows,
                                    absl::Span<const storage::OrderEventRow> events, absl::Time now,
                                    const policy::Vocabulary& vocabulary, rights::GrantedFields& grants,
                                    const v1::RetentionProgress& before) {
  std::map<int64_t, std::set<std::string>> acted_on;
  for (const v1::RetentionProgress::Part& part : before.parts()) {
    acted_on[part.position()].insert(part.categories().begin(), part.categories().end());
  }
  OrderPlan plan;
  plan.complete = !rows.empty();
  for (const storage::DisclosureRow& row : rows) {
    POSTERN_ASSIGN_OR_RETURN(const rights::GrantFacts* facts, grants.Of(row.grant));
    OrderPlan::Part& part = plan.parts.emplace_back();
    part.whole = true;
    const std::set<std::string>& done = acted_on[row.seq];
    for (const std::string& category : CategoriesOf(*facts)) {
      const std::optional<absl::Time> end = EndOfCategory(category, row, events, vocabulary, facts->partner_retention);
      if (!end || *end > now) {
        part.whole = false;
        plan.next_end = std::min(plan.next_end, end.value_or(absl::InfiniteFuture()));
        continue;
      }
      part.ended.insert(category);
      if (done.count(category) == 0) part.fresh.insert(category);
    }
    plan.complete = plan.complete && part.whole;
    if (part.ended.empty()) continue;
    v1::RetentionProgress::Part& kept = *plan.progress.add_parts();
    kept.set_position(row.seq);
    for (const std::string& category : part.ended) kept.add_categories(category);
  }
  if (plan.complete) plan.progress.Clear();
  return plan;
}

}  // namespace postern::retention
