#include "policy/projection/emitter.h"

#include <algorithm>

#include "policy/projection/card_number.h"
#include "policy/projection/errors.h"

namespace postern::policy {
namespace {

using google::protobuf::FieldDescriptor;

void AppendScalar(wire::Type type, uint64_t value, std::string* out) {
  if (type == wire::kVarint) {
    wire::AppendVarint(value, out);
  } else if (type == wire::kFixed32) {
    wire::AppendFixed32(value, out);
  } else {
    wire::AppendFixed64(value, out);
  }
}

}  // namespace

uint64_t CanonicalScalar(FieldType type, uint64_t raw) {
  switch (type) {
    case FieldDescriptor::TYPE_INT32:
    case FieldDescriptor::TYPE_ENUM:
      return static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(raw)));
    case FieldDescriptor::TYPE_UINT32:
    case FieldDescriptor::TYPE_SINT32:
    case FieldDescriptor::TYPE_FIXED32:
    case FieldDescriptor::TYPE_SFIXED32:
      return static_cast<uint32_t>(raw);
    case FieldDescriptor::TYPE_BOOL:
      return raw != 0;
    default:
      return raw;
  }
}

Emitter::Emitter(const ProjectionPlan::Tables& tables, const ProjectionContext& context, std::string* out)
    : tables_(tables),
      context_(context),
      out_(out),
      closed_(tables.gates.size(), 0),
      released_(tables.leaves.size(), 0) {}

void Emitter::CloseGates(absl::Span<const OperandValue> operands, Extracts::Minor minor) {
  const bool treat_as_minor =
      minor == Extracts::Minor::kYes || (minor == Extracts::Minor::kUnknown && !tables_.adult_only);
  const auto close = [](WithheldReason reason) { return static_cast<uint8_t>(static_cast<uint8_t>(reason) + 1); };
  for (size_t i = 0; i < tables_.gates.size(); ++i) {
    const Gate& gate = tables_.gates[i];
    if (gate.country >= 0) {
      countries_.resize(tables_.gates.size());
      const OperandValue& country = operands[static_cast<size_t>(gate.country)];
      countries_[i] = country.present
                          ? country.text
                          : absl::string_view(tables_.operands[static_cast<size_t>(gate.country)].default_text);
    }
    const bool consented = gate.consent < 0 || (context_.consents_granted >> gate.consent & 1) != 0;
    if (!consented) {
      closed_[i] = close(WithheldReason::kConsent);
    } else if (gate.withheld_from_minors && treat_as_minor) {
      closed_[i] = close(WithheldReason::kMinor);
    } else if (!std::all_of(gate.when.begin(), gate.when.end(),
                            [&](const Predicate& predicate) { return Holds(predicate, tables_.operands, operands); })) {
      closed_[i] = close(WithheldReason::kCondition);
    }
  }
}

uint64_t Emitter::ClosedGates() const {
  uint64_t closed = 0;
  for (size_t i = 0; i < closed_.size() && i < 64; ++i) closed |= uint64_t{closed_[i] != 0} << i;
  return closed;
}

bool Emitter::AnyOpen(int32_t gates_begin, int32_t gates_end) const {
  for (int32_t i = gates_begin; i < gates_end; ++i) {
    if (closed_[tables_.gate_lists[i]] == 0) return true;
  }
  return false;
}

void Emitter::Scalar(const Field& field, uint64_t raw) {
  const Leaf& leaf = tables_.leaves[field.leaf];
  uint64_t value = CanonicalScalar(field.type, raw);
  if (field.implicit_presence && value == 0) return;
  if (!leaf.transform.is_keep()) {
    if (!leaf.transform.ApplyNumber(field.type, &value)) return;
    value = CanonicalScalar(field.type, value);
  }
  released_[field.leaf] = 1;
  if (field.implicit_presence && value == 0) return;
  Tag(field, field.wire_type);
  AppendScalar(field.wire_type, value, out_);
}

void Emitter::PackedElement(const Field& field, uint64_t raw) {
  const Leaf& leaf = tables_.leaves[field.leaf];
  uint64_t value = CanonicalScalar(field.type, raw);
  if (!leaf.transform.is_keep()) {
    if (!leaf.transform.ApplyNumber(field.type, &value)) return;
    value = CanonicalScalar(field.type, value);
  }
  released_[field.leaf] = 1;
  AppendScalar(field.wire_type, value, out_);
}

void Emitter::Text(const Field& field, absl::string_view value) {
  if (field.implicit_presence && value.empty()) return;
  const size_t start = out_->size();
  Tag(field, wire::kDelimited);
  wire::Delimited delimited(out_, value.size());
  if (!AppendLeafText(tables_.leaves[field.leaf], field.type, value)) {
    out_->resize(start);
    return;
  }
  released_[field.leaf] = 1;
  if (field.implicit_presence && out_->size() == delimited.begin()) {
    out_->resize(start);
    return;
  }
  delimited.Close();
}

void Emitter::Date(const Field& field, const DateParts& parts) {
  const Leaf& leaf = tables_.leaves[field.leaf];
  const DateLayout& layout = tables_.dates[field.date];
  DateParts changed = parts;
  if (!leaf.transform.is_keep() && !GeneraliseDateParts(layout, leaf.transform.date_unit(), &changed)) return;
  released_[field.leaf] = 1;
  Tag(field, wire::kDelimited);
  wire::Delimited delimited(out_, 0);
  AppendDateParts(layout, changed, out_);
  delimited.Close();
}

void Emitter::Amount(const Field& field, const Money& money) {
  const size_t start = out_->size();
  Tag(field, wire::kDelimited);
  wire::Delimited delimited(out_, 0);
  if (!tables_.leaves[field.leaf].transform.AppendMoney(money, out_)) {
    out_->resize(start);
    return;
  }
  released_[field.leaf] = 1;
  delimited.Close();
}

void Emitter::MapKey(const Field& key, bool check, const std::string& path, uint64_t raw, absl::string_view text) {
  Tag(key, key.wire_type);
  if (key.wire_type != wire::kDelimited) {
    AppendScalar(key.wire_type, CanonicalScalar(key.type, raw), out_);
    return;
  }
  if (check && HasCardNumber(text)) CardFault(path);
  wire::AppendVarint(text.size(), out_);
  out_->append(text.data(), text.size());
}

bool Emitter::MapValue(const Field& value, uint64_t raw, absl::string_view text) {
  const Leaf& leaf = tables_.leaves[value.leaf];
  Tag(value, value.wire_type);
  if (value.wire_type == wire::kDelimited) {
    wire::Delimited delimited(out_, text.size());
    if (!AppendLeafText(leaf, value.type, text)) return false;
    delimited.Close();
  } else {
    uint64_t number = CanonicalScalar(value.type, raw);
    if (!leaf.transform.is_keep() && !leaf.transform.ApplyNumber(value.type, &number)) return false;
    AppendScalar(value.wire_type, CanonicalScalar(value.type, number), out_);
  }
  released_[value.leaf] = 1;
  return true;
}

void Emitter::Restart() {
  out_->clear();
  std::fill(released_.begin(), released_.end(), 0);
  card_path_ = nullptr;
}

absl::Status Emitter::Finish() const {
  if (card_path_ != nullptr) return errors::CardNumber(*card_path_);
  for (size_t i = 0; i < tables_.leaves.size(); ++i) {
    if (tables_.leaves[i].required && !released_[i]) return errors::RequiredFieldMissing(tables_.leaves[i].path);
  }
  return absl::OkStatus();
}

bool Emitter::AppendLeafText(const Leaf& leaf, FieldType type, absl::string_view value) {
  const bool guarded = leaf.on_card_number != v1::CARD_NUMBER_ACTION_UNSPECIFIED &&
                       type == FieldDescriptor::TYPE_STRING && !leaf.transform.is_constant();
  if (guarded && HasCardNumber(value)) {
    if (leaf.on_card_number == v1::REFUSE) {
      CardFault(leaf.path);
    } else {
      scratch_.clear();
      AppendWithoutCardNumbers(value, &scratch_);
      value = scratch_;
    }
  }
  const size_t start = out_->size();
  const bool leaves = leaf.transform.is_postcode() ? leaf.transform.AppendPostcode(value, CountryOf(leaf), out_)
                                                   : leaf.transform.AppendText(value, context_.pseudonym, out_);
  if (!leaves) return false;
  if (!guarded || leaf.transform.is_keep() || leaf.transform.needs_pseudonym_key()) return true;
  // A cut can make a card number of a longer string of digits.
  const absl::string_view changed = absl::string_view(*out_).substr(start);
  if (!HasCardNumber(changed)) return true;
  if (leaf.on_card_number == v1::REFUSE) {
    CardFault(leaf.path);
    return true;
  }
  scratch_.clear();
  AppendWithoutCardNumbers(changed, &scratch_);
  out_->replace(start, std::string::npos, scratch_);
  return true;
}

void Emitter::CardFault(const std::string& path) {
  if (card_path_ == nullptr) card_path_ = &path;
}

}  // namespace postern::policy
