#include "tests/integration/lifecycle/model.h"

namespace postern::lifecycle {
namespace {

constexpr int64_t kDay = 24 * 3600;

// Whole days in UTC: 30 days after something on the 1st end with the 31st.
int64_t EndOf(int64_t start, int days) {
  return (start / kDay + days + 1) * kDay;
}

}  // namespace

Verdict Model::Disclose(int person) {
  Person& who = people_[static_cast<size_t>(person)];
  if (who.suppressed) return Verdict::kSuppressed;
  if (who.restricted) return Verdict::kRestricted;
  who.records.push_back(static_cast<int>(records_.size()));
  Record& record = records_.emplace_back();
  record.person = person;
  record.neighbour = who.consent;
  return Verdict::kCommitted;
}

void Model::Receive() {
  for (Record& record : records_) {
    if (record.place == Place::kWaiting) record.place = Place::kHeld;
  }
}

void Model::SetConsent(int person, bool granted) {
  Person& who = people_[static_cast<size_t>(person)];
  who.consent = granted;
  if (granted) return;
  for (const int number : who.records) {
    Record& record = records_[static_cast<size_t>(number)];
    if (!record.neighbour) continue;
    if (record.place == Place::kWaiting) record.place = Place::kWithdrawn;
    if (record.place == Place::kHeld) record.noticed = true;
  }
}

void Model::SetRestricted(int person, bool restricted) {
  Person& who = people_[static_cast<size_t>(person)];
  who.restricted = restricted;
  if (!restricted) return;
  for (const int number : who.records) {
    Record& record = records_[static_cast<size_t>(number)];
    if (record.place == Place::kWaiting) record.place = Place::kWithdrawn;
  }
}

void Model::CloseAfterSales(int record, int64_t now) {
  std::optional<int64_t>& closed = records_[static_cast<size_t>(record)].closed;
  if (!closed) closed = now;
}

bool Model::AllClosed(const Person& person) const {
  for (const int number : person.records) {
    if (!records_[static_cast<size_t>(number)].closed) return false;
  }
  return true;
}

void Model::Begin(Person* person) {
  person->suppressed = true;
  person->consent = false;
  for (const int number : person->records) {
    Record& record = records_[static_cast<size_t>(number)];
    if (record.place == Place::kWaiting) record.place = Place::kWithdrawn;
    if (record.place == Place::kHeld) record.noticed = true;
  }
}

bool Model::Erase(int person) {
  Person& who = people_[static_cast<size_t>(person)];
  const bool at_once = AllClosed(who);
  at_once ? Begin(&who) : void(who.erasure_waits = true);
  return at_once;
}

void Model::ComeBack(int person) {
  people_[static_cast<size_t>(person)].suppressed = false;
}

void Model::BeginErasures() {
  for (Person& person : people_) {
    if (!person.erasure_waits || !AllClosed(person)) continue;
    person.erasure_waits = false;
    Begin(&person);
  }
}

void Model::EndTerms(int64_t now) {
  for (Record& record : records_) {
    if (!record.closed || now < EndOf(*record.closed, 30)) continue;
    if (record.place == Place::kWaiting) record.place = Place::kWithdrawn;
    if (record.place == Place::kHeld) record.noticed = true;
    record.order_over = record.order_over || now >= EndOf(*record.closed, 90);
  }
}

std::vector<int> Model::Waiting() const {
  std::vector<int> waiting;
  for (size_t i = 0; i < records_.size(); ++i) {
    if (records_[i].place == Place::kWaiting) waiting.push_back(static_cast<int>(i));
  }
  return waiting;
}

int64_t Model::OrdersOver() const {
  int64_t over = 0;
  for (const Record& record : records_) over += record.order_over ? 1 : 0;
  return over;
}

}  // namespace postern::lifecycle
