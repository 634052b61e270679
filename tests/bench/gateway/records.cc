#include "tests/bench/gateway/records.h"

#include <cstring>
#include <initializer_list>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "deploy/demo/orders.h"

namespace postern::bench {
namespace {

constexpr char kPlace[] = "0000000";
constexpr size_t kDigits = sizeof(kPlace) - 1;
constexpr int kTemplates = 2000;  // as many customers, unless more are asked for
constexpr char kKey[] = "SH-";
constexpr char kOrder[] = "ORD-";
constexpr char kPerson[] = "CUSTOMER-";
constexpr char kMailbox[] = "mailbox-";
constexpr char kPhone[] = "+49157";
constexpr char kGuardian[] = "GUARDIAN-";

std::string Digits(uint64_t number) {
  char digits[kDigits + 1];
  absl::SNPrintF(digits, sizeof(digits), "%07d", number % 10'000'000);
  return {digits, kDigits};
}

// Where kPlace stands behind each of the prefixes that are there.
std::vector<size_t> PlacesAfter(std::initializer_list<const char*> prefixes, const std::string& bytes) {
  std::vector<size_t> places;
  for (const char* prefix : prefixes) {
    const size_t found = bytes.find(absl::StrCat(prefix, kPlace));
    if (found != std::string::npos) places.push_back(found + std::strlen(prefix));
  }
  return places;
}

}  // namespace

Records::Records(int64_t people) : people_(static_cast<uint64_t>(people)) {
  demo::CanaryMaker texts(1);
  for (int i = 0; i < kTemplates; ++i) {
    shop::v1::Shipment shipment = demo::MakeOrder(i, texts).shipment;
    shipment.set_reference(absl::StrCat(kKey, kPlace));
    shipment.set_order_number(absl::StrCat(kOrder, kPlace));
    if (people > 0) {
      shipment.set_customer_id(absl::StrCat(kPerson, kPlace));
      shipment.mutable_recipient()->set_email(absl::StrCat(kMailbox, kPlace, "@delivery.example"));
      shipment.mutable_recipient()->set_phone(absl::StrCat(kPhone, kPlace));
      if (!shipment.recipient().guardian_id().empty()) {
        shipment.mutable_recipient()->set_guardian_id(absl::StrCat(kGuardian, kPlace));
      }
    }
    Template t;
    t.bytes = shipment.SerializeAsString();
    t.numbers = PlacesAfter({kKey, kOrder}, t.bytes);
    t.people = PlacesAfter({kPerson, kMailbox, kPhone, kGuardian}, t.bytes);
    templates_.push_back(std::move(t));
  }
}

std::string Records::Next() {
  const uint64_t n = next_.fetch_add(1, std::memory_order_relaxed);
  const Template& t = templates_[n % templates_.size()];
  std::string record = t.bytes;
  const auto write = [&record](uint64_t number, const std::vector<size_t>& places) {
    const std::string digits = Digits(number);
    for (const size_t place : places) record.replace(place, kDigits, digits);
  };
  write(n, t.numbers);
  if (people_ > 0) write(n % people_, t.people);
  return record;
}

std::string Records::OrderId(int64_t n) {
  return absl::StrCat(kOrder, Digits(static_cast<uint64_t>(n)));
}

std::string Records::PersonId(int64_t person) {
  return absl::StrCat(kPerson, Digits(static_cast<uint64_t>(person)));
}

size_t Records::average_size() const {
  size_t sum = 0;
  for (const Template& t : templates_) sum += t.bytes.size();
  return sum / templates_.size();
}

}  // namespace postern::bench
