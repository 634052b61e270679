#include "tests/integration/lifecycle/model.h"

#include <algorithm>

namespace postern::lifecycle {
namespace {

constexpr int64_t kDay = 24 * 3600;

// Whole days in UTC: 30 days after something on the 1st end with the 31st.
int64_t EndOf(int64_t start, int days) {
  return (start / kDay + days + 1) * kDay;
}

}  // namespace

std::optional<Verdict> Model::Refusal(const Person& person, const Order& order) const {
  if (person.suppressed) return Verdict::kSuppressed;
  if (person.restricted) return Verdict::kRestricted;
  if (order.over) return Verdict::kOver;
  return std::nullopt;
}

void Model::Commit(int order, uint64_t version, int64_t now) {
  const Person& who = At(OrderAt(order).person);
  OrderAt(order).records.push_back(static_cast<int>(records_.size()));
  queue_.push_back(static_cast<int>(records_.size()));
  Record& record = records_.emplace_back();
  record.order = order;
  record.version = version;
  record.as_minor = who.minor_until > now;
  record.neighbour = who.consent && !record.as_minor;
}

template <typename Visit>
void Model::ForEachRecord(int person, Visit visit) {
  for (const int order : At(person).orders) {
    for (const int record : OrderAt(order).records) visit(OrderAt(order), RecordAt(record));
  }
}

Verdict Model::Disclose(int person, int64_t now) {
  const auto number = static_cast<int>(orders_.size());
  Order& order = orders_.emplace_back();
  order.person = person;
  if (const auto refusal = Refusal(At(person), order)) return *refusal;
  At(person).orders.push_back(number);
  Commit(number, 1, now);
  return Verdict::kCommitted;
}

Verdict Model::Rectify(int order, int64_t now) {
  Order& of = OrderAt(order);
  const bool anybody = std::any_of(of.records.begin(), of.records.end(), [&](int record) {
    return RecordAt(record).place != Place::kWithdrawn && !RecordAt(record).gone;
  });
  if (!anybody) return Verdict::kNobodyHasIt;
  if (const auto refusal = Refusal(At(of.person), of)) return *refusal;
  for (const int record : of.records) {
    if (RecordAt(record).place == Place::kWaiting) RecordAt(record).place = Place::kWithdrawn;
  }
  const uint64_t last = RecordAt(of.records.back()).version;
  Commit(order, last + 1, now);
  return Verdict::kCommitted;
}

Verdict Model::DiscloseAgain(int order) const {
  const Order& of = orders_[static_cast<size_t>(order)];
  return Refusal(people_[static_cast<size_t>(of.person)], of).value_or(Verdict::kStale);
}

std::vector<int> Model::Waiting() const {
  std::vector<int> waiting;
  for (const int record : queue_) {
    if (records_[static_cast<size_t>(record)].place == Place::kWaiting) waiting.push_back(record);
  }
  return waiting;
}

void Model::Receive() {
  for (const int record : queue_) {
    if (RecordAt(record).place == Place::kWaiting) RecordAt(record).place = Place::kHeld;
  }
  queue_.clear();
}

void Model::AnswerNotices() {
  for (const int record : asked_) RecordAt(record).gone = true;
  asked_.clear();
}

bool Model::SetConsent(int person, bool granted, bool by_guardian, int64_t now) {
  const bool minor = IsMinor(person, now);
  if (by_guardian ? !minor : granted && minor) return false;
  At(person).consent = granted;
  if (granted) return true;
  ForEachRecord(person, [](Order& order, Record& record) {
    if (!record.neighbour) return;
    if (record.place == Place::kWaiting) record.place = Place::kWithdrawn;
    if (record.place == Place::kHeld) order.noticed = true;
  });
  return true;
}

void Model::SetRestricted(int person, bool restricted) {
  At(person).restricted = restricted;
  if (!restricted) return;
  ForEachRecord(person, [](Order&, Record& record) {
    if (record.place == Place::kWaiting) record.place = Place::kWithdrawn;
  });
}

void Model::LinkGuardian(int person, int64_t until) {
  At(person).minor_until = until;
  ForEachRecord(person, [](Order&, Record& record) {
    if (record.place == Place::kWaiting && !record.as_minor) record.place = Place::kWithdrawn;
  });
}

void Model::CloseAfterSales(int order, int64_t now) {
  if (OrderAt(order).closed) return;
  OrderAt(order).closed = now;
  closed_orders_.push_back(order);
}

bool Model::MustWait(const Person& person, int64_t now) const {
  if (person.held_until > now) return true;
  return std::any_of(person.orders.begin(), person.orders.end(),
                     [&](int order) { return !orders_[static_cast<size_t>(order)].closed; });
}

void Model::Begin(Erasure* erasure) {
  erasure->state = Erasure::State::kBegun;
  At(erasure->person).suppressed = true;
  At(erasure->person).consent = false;
  for (const int number : At(erasure->person).orders) {
    for (const int one : OrderAt(number).records) {
      Record& record = RecordAt(one);
      if (record.place == Place::kWaiting) record.place = Place::kWithdrawn;
      if (record.place != Place::kHeld) continue;
      OrderAt(number).noticed = true;
      asked_.push_back(one);
    }
  }
}

const Erasure* Model::Erase(int person, bool by_guardian, int64_t now) {
  if (by_guardian && !IsMinor(person, now)) return nullptr;
  Erasure& erasure = erasures_.emplace_back();
  erasure.number = static_cast<int>(erasures_.size()) - 1;
  erasure.person = person;
  erasure.by_guardian = by_guardian;
  if (MustWait(At(person), now)) {
    waiting_.push_back(erasures_.size() - 1);
  } else {
    Begin(&erasure);
  }
  return &erasure;
}

void Model::BeginErasures(int64_t now) {
  std::vector<size_t> still;
  for (const size_t number : waiting_) {
    Erasure& erasure = erasures_[number];
    if (erasure.by_guardian && !IsMinor(erasure.person, now)) {
      erasure.state = Erasure::State::kExpired;
    } else if (MustWait(At(erasure.person), now)) {
      still.push_back(number);
    } else {
      Begin(&erasure);
    }
  }
  waiting_ = std::move(still);
}

void Model::EndTerms(int64_t now) {
  std::vector<int> rest;
  for (const int number : closed_orders_) {
    Order& order = OrderAt(number);
    if (now < EndOf(*order.closed, 30) || IsHeld(order.person, now)) {
      rest.push_back(number);
      continue;
    }
    order.over = now >= EndOf(*order.closed, 90);
    for (const int one : order.records) {
      Record& record = RecordAt(one);
      if (record.place == Place::kWaiting) record.place = Place::kWithdrawn;
      if (record.place != Place::kHeld) continue;
      order.noticed = true;
      if (order.over) asked_.push_back(one);
    }
    order.over ? void(++over_) : rest.push_back(number);
  }
  closed_orders_ = std::move(rest);
}

}  // namespace postern::lifecycle
