// Puts granted values into the output: transforms, the card-number rule, canonical form. Both walks use it, so that a
// value looks the same whichever found it.
#pragma once

#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "policy/projection/projector.h"
#include "policy/projection/readings.h"
#include "policy/projection/tables.h"
#include "policy/projection/writer.h"

namespace postern::policy {

// What a parser keeps of a raw wire value, as a serialiser writes it: 32-bit types drop the upper half and negative
// ones are extended.
uint64_t CanonicalScalar(FieldType type, uint64_t raw);

class Emitter {
 public:
  // Every gate is open until CloseGates.
  Emitter(const ProjectionPlan::Tables& tables, const ProjectionContext& context, std::string* out);

  // Decides every gate from what was read; `operands` by index. A leaf behind a closed gate counts as not granted.
  void CloseGates(absl::Span<const OperandValue> operands, Extracts::Minor minor);
  bool IsOpen(const Leaf& leaf) const { return closed_[leaf.gate] == 0; }
  // What a postcode behind the leaf's gate is cut by.
  absl::string_view CountryOf(const Leaf& leaf) const { return countries_[static_cast<size_t>(leaf.gate)]; }
  // A bit for each of the first 64 gates that is closed.
  uint64_t ClosedGates() const;
  // True if anything below `container` may leave, which is when the container itself does.
  bool AnyOpen(const Field& container) const { return AnyOpen(container.gates_begin, container.gates_end); }
  bool AnyOpen(const AnyUse::Packed& type) const { return AnyOpen(type.gates_begin, type.gates_end); }
  // Why a gate is closed.
  WithheldReason ReasonOf(const Leaf& leaf) const { return static_cast<WithheldReason>(closed_[leaf.gate] - 1); }

  // One value of a granted leaf, tag included. An implicit zero value is not written.
  void Scalar(const Field& field, uint64_t raw);
  void Text(const Field& field, absl::string_view value);
  void Date(const Field& field, const DateParts& parts);
  void Amount(const Field& field, const Money& money);
  // One element of a packed run, without tag.
  void PackedElement(const Field& field, uint64_t raw);
  // The key of a map entry, tag included; always written. `path` is the map's, for errors.
  void MapKey(const Field& key, bool check, const std::string& path, uint64_t raw, absl::string_view text);
  // The value of an entry of a map of scalars; false if it does not leave.
  bool MapValue(const Field& value, uint64_t raw, absl::string_view text);

  void Tag(const Field& field, wire::Type type) { wire::AppendVarint(wire::MakeTag(field.number, type), out_); }
  std::string* out() { return out_; }
  // True if a value was found that makes Finish refuse.
  bool has_card_fault() const { return card_path_ != nullptr; }
  // Forgets all output; the walk starts over.
  void Restart();

  // After the walk: CARD_NUMBER, REQUIRED_FIELD_MISSING.
  absl::Status Finish() const;

 private:
  bool AnyOpen(int32_t gates_begin, int32_t gates_end) const;
  bool AppendLeafText(const Leaf& leaf, FieldType type, absl::string_view value);
  void CardFault(const std::string& path);

  const ProjectionPlan::Tables& tables_;
  const ProjectionContext& context_;
  std::string* const out_;
  std::string scratch_;
  absl::InlinedVector<uint8_t, 16> closed_;    // by gate: 0 open, else 1 + WithheldReason
  absl::InlinedVector<uint8_t, 64> released_;  // by leaf
  // By gate, filled by CloseGates where a postcode needs it.
  absl::InlinedVector<absl::string_view, 16> countries_;
  const std::string* card_path_ = nullptr;  // the first field found to hold a card number that it must not hold
};

}  // namespace postern::policy
