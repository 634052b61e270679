// One cell of the table: an order size and a grant, with the projector and its peers over the same records.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/bench/projection/orders.h"
#include "tests/bench/projection/timing.h"

namespace postern::bench {

struct Cell {
  OrderSize size = OrderSize::kMiddle;
  bool carrier = true;
  std::string name;  // "carrier.2k"
};

// Everything that the subjects of one cell use; outlives them.
class CellSubjects {
 public:
  explicit CellSubjects(const Cell& cell);
  ~CellSubjects();

  const std::vector<Subject>& subjects() const;
  // Empty, or what is wrong: the projector, protozero and both TrimMessage ways must give the same bytes, the verifier
  // must find nothing.
  std::string Check() const;
  size_t record_bytes() const;
  size_t projected_bytes() const;
  int record_fields() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace postern::bench
