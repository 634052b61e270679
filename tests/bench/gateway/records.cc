#include "tests/bench/gateway/records.h"

#include "absl/strings/str_format.h"
#include "deploy/demo/orders.h"

namespace postern::bench {
namespace {

constexpr char kPlace[] = "0000000";
constexpr size_t kDigits = sizeof(kPlace) - 1;
constexpr int kTemplates = 2000;  // as many customers

}  // namespace

Records::Records() {
  demo::CanaryMaker texts(1);
  for (int i = 0; i < kTemplates; ++i) {
    shop::v1::Shipment shipment = demo::MakeOrder(i, texts).shipment;
    shipment.set_reference(std::string("SH-") + kPlace);
    shipment.set_order_number(std::string("ORD-") + kPlace);
    Template t;
    t.bytes = shipment.SerializeAsString();
    for (const char* prefix : {"SH-", "ORD-"})
      t.numbers.push_back(t.bytes.find(std::string(prefix) + kPlace) + std::string(prefix).size());
    templates_.push_back(std::move(t));
  }
}

std::string Records::Next() {
  const uint64_t n = next_.fetch_add(1, std::memory_order_relaxed);
  const Template& t = templates_[n % templates_.size()];
  std::string record = t.bytes;
  char digits[kDigits + 1];
  absl::SNPrintF(digits, sizeof(digits), "%07d", n % 10'000'000);
  for (size_t place : t.numbers) record.replace(place, kDigits, digits, kDigits);
  return record;
}

size_t Records::average_size() const {
  size_t sum = 0;
  for (const Template& t : templates_) sum += t.bytes.size();
  return sum / templates_.size();
}

}  // namespace postern::bench
