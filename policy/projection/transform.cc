#include "policy/projection/transform.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "policy/projection/predicate.h"
#include "policy/projection/utf8.h"
#include "proto/errors/error.h"

namespace postern::policy {
namespace {

using google::protobuf::FieldDescriptor;

// For a map of scalars, the field of its values.
const FieldDescriptor& ValueField(const FieldDescriptor& field) {
  return field.is_map() ? *field.message_type()->map_value() : field;
}

absl::Status Mismatch(const FieldDescriptor& field, absl::string_view transform, absl::string_view takes) {
  return absl::InvalidArgumentError(
      absl::StrCat(transform, " takes ", takes, "; ", field.name(), " is ", field.type_name()));
}

absl::Status CheckText(const FieldDescriptor& field, absl::string_view transform, bool bytes_too = false) {
  const FieldDescriptor& value = ValueField(field);
  if (value.type() == FieldDescriptor::TYPE_STRING) return absl::OkStatus();
  if (bytes_too && value.type() == FieldDescriptor::TYPE_BYTES) return absl::OkStatus();
  return Mismatch(value, transform, bytes_too ? "strings and bytes" : "strings");
}

absl::Status CheckPostcode(const v1::Generalise::Postcode& spec) {
  if (spec.country_path().empty()) return absl::InvalidArgumentError("generalise: a postcode needs a country_path");
  if (spec.rules().empty()) return absl::InvalidArgumentError("generalise: a postcode needs at least one rule");
  if (spec.otherwise() < 0) return absl::InvalidArgumentError("generalise: otherwise is not negative");
  std::set<std::string> countries;
  for (const auto& rule : spec.rules()) {
    if (rule.prefix() < 0) return absl::InvalidArgumentError("generalise: prefix is not negative");
    if (rule.countries().empty()) return absl::InvalidArgumentError("generalise: a postcode rule names no country");
    for (const std::string& country : rule.countries()) {
      if (country.empty() || !countries.insert(country).second) {
        return absl::InvalidArgumentError(absl::StrCat("generalise: country '", country, "' is empty or named twice"));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status CheckGeneralise(const FieldDescriptor& field, const v1::Generalise& spec) {
  const FieldDescriptor& value = ValueField(field);
  switch (spec.to_case()) {
    case v1::Generalise::kDate:
      if (!v1::Generalise::DateUnit_IsValid(spec.date()) || spec.date() == v1::Generalise::DATE_UNIT_UNSPECIFIED) {
        return absl::InvalidArgumentError("generalise: the date unit is one of DAY, MONTH, QUARTER, YEAR");
      }
      if (value.type() == FieldDescriptor::TYPE_STRING) return absl::OkStatus();
      if (value.type() == FieldDescriptor::TYPE_MESSAGE && DateLayoutOf(*value.message_type())) return absl::OkStatus();
      return Mismatch(value, "generalise to a date",
                      "timestamps, messages with year, month and day, and YYYY-MM-DD strings");
    case v1::Generalise::kStep:
      if (spec.step() < 1) return absl::InvalidArgumentError("generalise: step is at least 1");
      if (IsDecimal(value)) return absl::OkStatus();
      if (value.type() == FieldDescriptor::TYPE_MESSAGE && IsMoney(*value.message_type())) return absl::OkStatus();
      switch (value.cpp_type()) {
        case FieldDescriptor::CPPTYPE_INT32:
        case FieldDescriptor::CPPTYPE_INT64:
        case FieldDescriptor::CPPTYPE_UINT32:
        case FieldDescriptor::CPPTYPE_UINT64:
        case FieldDescriptor::CPPTYPE_FLOAT:
        case FieldDescriptor::CPPTYPE_DOUBLE:
          return absl::OkStatus();
        default:
          return Mismatch(value, "generalise to a step",
                          "numbers, google.type.Money and the value of a google.type.Decimal");
      }
    case v1::Generalise::kPrefix:
      if (spec.prefix() < 1) return absl::InvalidArgumentError("generalise: prefix is at least 1");
      return CheckText(field, "generalise to a prefix");
    case v1::Generalise::kPostcode:
      POSTERN_RETURN_IF_ERROR(CheckText(field, "generalise to a postcode's prefix"));
      return CheckPostcode(spec.postcode());
    case v1::Generalise::TO_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("generalise: one of date, step, prefix, postcode is needed");
}

struct Checker {
  const FieldDescriptor& field;

  absl::Status operator()(std::monostate) const {
    const FieldDescriptor& value = ValueField(field);
    if (value.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return absl::OkStatus();
    if (!field.is_map() && value.type() == FieldDescriptor::TYPE_MESSAGE && DateLayoutOf(*value.message_type())) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(absl::StrCat(value.name(), " is a message: a grant names leaves"));
  }
  absl::Status operator()(const v1::Mask& mask) const {
    POSTERN_RETURN_IF_ERROR(CheckText(field, "mask"));
    if (mask.keep_first() < 0 || mask.keep_last() < 0)
      return absl::InvalidArgumentError("mask: what is kept is not negative");
    if (utf8::CountCodePoints(mask.with()) > 1)
      return absl::InvalidArgumentError("mask: the replacement is one code point");
    return absl::OkStatus();
  }
  absl::Status operator()(const v1::Truncate& truncate) const {
    POSTERN_RETURN_IF_ERROR(CheckText(field, "truncate"));
    if (truncate.max_code_points() < 1) return absl::InvalidArgumentError("truncate: max_code_points is at least 1");
    return absl::OkStatus();
  }
  absl::Status operator()(const v1::Generalise& generalise) const {
    if (field.is_map() && ValueField(field).cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      return Mismatch(field, "generalise", "leaves");
    }
    return CheckGeneralise(field, generalise);
  }
  absl::Status operator()(const v1::Pseudonymise&) const { return CheckText(field, "pseudonymise", true); }
  absl::Status operator()(const v1::Redact& redact) const {
    POSTERN_RETURN_IF_ERROR(CheckText(field, "redact"));
    if (redact.detectors().empty()) return absl::InvalidArgumentError("redact: at least one detector is needed");
    for (const int detector : redact.detectors()) {
      if (!v1::Redact::Detector_IsValid(detector) || detector == v1::Redact::DETECTOR_UNSPECIFIED) {
        return absl::InvalidArgumentError("redact: unknown detector");
      }
    }
    return absl::OkStatus();
  }
  absl::Status operator()(const v1::Constant&) const { return CheckText(field, "constant"); }
};

void AppendMasked(absl::string_view value, size_t first, size_t last, const std::string& with, std::string* out) {
  const size_t count = utf8::CountCodePoints(value);
  // A text so short that everything would be kept is masked whole.
  if (first + last >= count) first = last = 0;
  const size_t head = utf8::PrefixBytes(value, first), tail = utf8::PrefixBytes(value, count - last);
  out->append(value.data(), head);
  for (size_t i = 0; i < count - first - last; ++i) out->append(with);
  out->append(value.data() + tail, value.size() - tail);
}

uint64_t ZigZag(int64_t value) {
  return static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
}

}  // namespace

absl::Status CheckTransform(const FieldDescriptor& field, const TransformSpec& transform) {
  return std::visit(Checker{field}, transform);
}

absl::StatusOr<Transform> Transform::Create(const FieldDescriptor& field, const TransformSpec& spec) {
  POSTERN_RETURN_IF_ERROR(CheckTransform(field, spec));
  Transform transform;
  if (const auto* mask = std::get_if<v1::Mask>(&spec)) {
    transform.kind_ = Kind::kMask;
    transform.first_ = mask->keep_first();
    transform.last_ = mask->keep_last();
    transform.text_ = mask->with().empty() ? "*" : mask->with();
  } else if (const auto* truncate = std::get_if<v1::Truncate>(&spec)) {
    transform.kind_ = Kind::kTruncate;
    transform.first_ = truncate->max_code_points();
  } else if (const auto* generalise = std::get_if<v1::Generalise>(&spec)) {
    if (generalise->has_date()) {
      transform.kind_ = Kind::kDate;
      transform.unit_ = generalise->date();
    } else if (generalise->has_step()) {
      transform.kind_ = Kind::kStep;
      transform.step_ = generalise->step();
    } else if (generalise->has_postcode()) {
      transform.kind_ = Kind::kPostcode;
      transform.first_ = generalise->postcode().otherwise();
      absl::flat_hash_map<std::string, int32_t> by_country;
      for (const auto& rule : generalise->postcode().rules()) {
        for (const std::string& country : rule.countries()) by_country[country] = rule.prefix();
      }
      transform.by_country_ = std::make_shared<const absl::flat_hash_map<std::string, int32_t>>(std::move(by_country));
    } else {
      transform.kind_ = Kind::kPrefix;
      transform.first_ = generalise->prefix();
    }
  } else if (std::holds_alternative<v1::Pseudonymise>(spec)) {
    transform.kind_ = Kind::kPseudonymise;
  } else if (const auto* redact = std::get_if<v1::Redact>(&spec)) {
    transform.kind_ = Kind::kRedact;
    transform.redactor_ = std::make_shared<const Redactor>(*redact);
  } else if (const auto* constant = std::get_if<v1::Constant>(&spec)) {
    transform.kind_ = Kind::kConstant;
    transform.text_ = constant->value();
  }
  return transform;
}

bool Transform::AppendText(absl::string_view value, PseudonymFn pseudonym, std::string* out) const {
  switch (kind_) {
    case Kind::kKeep:
      out->append(value.data(), value.size());
      return true;
    case Kind::kMask:
      AppendMasked(value, static_cast<size_t>(first_), static_cast<size_t>(last_), text_, out);
      return true;
    case Kind::kTruncate:
    case Kind::kPrefix:
      out->append(value.data(), utf8::PrefixBytes(value, static_cast<size_t>(first_)));
      return true;
    case Kind::kPostcode:
      return AppendPostcode(value, "", out);
    case Kind::kDate:
      return AppendGeneralisedDate(value, unit_, out);
    case Kind::kStep:
      return AppendDecimalInSteps(value, step_, out);
    case Kind::kPseudonymise: {
      uint8_t digest[32];
      pseudonym(value, digest);
      std::string encoded;
      absl::WebSafeBase64Escape(absl::string_view(reinterpret_cast<const char*>(digest), 16), &encoded);
      out->append(encoded);
      return true;
    }
    case Kind::kRedact:
      redactor_->Append(value, out);
      return true;
    case Kind::kConstant:
      out->append(text_);
      return true;
  }
  return false;
}

bool Transform::AppendPostcode(absl::string_view value, absl::string_view country, std::string* out) const {
  const auto rule = by_country_->find(country);
  const int32_t kept = rule == by_country_->end() ? first_ : rule->second;
  if (kept == 0) return false;
  out->append(value.data(), utf8::PrefixBytes(value, static_cast<size_t>(kept)));
  return true;
}

bool Transform::AppendMoney(const Money& money, std::string* out) const {
  return AppendMoneyInSteps(money, step_, out);
}

bool Transform::ApplyNumber(FieldDescriptor::Type type, uint64_t* raw) const {
  if (kind_ != Kind::kStep) return kind_ == Kind::kKeep;
  const uint64_t bits = OperandBits(type, *raw);
  switch (type) {
    case FieldDescriptor::TYPE_FLOAT:
    case FieldDescriptor::TYPE_DOUBLE: {
      double value;
      std::memcpy(&value, &bits, sizeof(value));
      value = std::floor(value / static_cast<double>(step_)) * static_cast<double>(step_);
      if (!std::isfinite(value)) return false;
      if (type == FieldDescriptor::TYPE_DOUBLE) {
        std::memcpy(raw, &value, sizeof(value));
        return true;
      }
      const float narrow = static_cast<float>(value);
      uint32_t narrow_bits;
      std::memcpy(&narrow_bits, &narrow, sizeof(narrow));
      *raw = narrow_bits;
      return std::isfinite(narrow);
    }
    case FieldDescriptor::TYPE_UINT32:
    case FieldDescriptor::TYPE_UINT64:
    case FieldDescriptor::TYPE_FIXED32:
    case FieldDescriptor::TYPE_FIXED64:
      *raw = bits - bits % static_cast<uint64_t>(step_);
      return true;
    case FieldDescriptor::TYPE_SINT32:
    case FieldDescriptor::TYPE_SINT64:
    default: {
      const std::optional<int64_t> value = RoundDown(static_cast<int64_t>(bits), step_);
      const bool narrow = type == FieldDescriptor::TYPE_INT32 || type == FieldDescriptor::TYPE_SINT32 ||
                          type == FieldDescriptor::TYPE_SFIXED32;
      if (!value || (narrow && *value < std::numeric_limits<int32_t>::min())) return false;
      const bool zigzag = type == FieldDescriptor::TYPE_SINT32 || type == FieldDescriptor::TYPE_SINT64;
      *raw = zigzag ? ZigZag(*value) : static_cast<uint64_t>(*value);
      return true;
    }
  }
}

}  // namespace postern::policy
