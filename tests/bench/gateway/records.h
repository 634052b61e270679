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
  Records();
  // A record with a key and an order that no other has. At most 10 million.
  std::string Next();
  size_t average_size() const;

 private:
  struct Template {
    std::string bytes;
    std::vector<size_t> numbers;  // where the seven digits of key and order stand
  };
  std::vector<Template> templates_;
  std::atomic<uint64_t> next_{0};
};

}  // namespace postern::bench
