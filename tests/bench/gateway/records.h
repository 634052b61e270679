// Records to send: realistic shipments of which only key and order differ, so that making one costs a copy.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace postern::bench {

inline constexpr char kRecordType[] = "shop.v1.Shipment";

// Thread-safe.
class Records {
 public:
  // Of `people` customers in turn, at most 10 million, with ids, contacts and guardians of their own; where 0, of 2000.
  explicit Records(int64_t people = 0);
  // A record with a key and an order that no other has. At most 10 million.
  std::string Next();
  // How many there were.
  int64_t made() const { return static_cast<int64_t>(next_.load(std::memory_order_relaxed)); }
  // The order of the `n`th record from 0, and its customer n % people, if people were asked for.
  static std::string OrderId(int64_t n);
  static std::string PersonId(int64_t person);
  size_t average_size() const;

 private:
  struct Template {
    std::string bytes;
    std::vector<size_t> numbers;  // where the seven digits of key and order stand
    std::vector<size_t> people;   // and those of the customer, if people were asked for
  };
  const uint64_t people_;
  std::vector<Template> templates_;
  std::atomic<uint64_t> next_{0};
};

}  // namespace postern::bench
