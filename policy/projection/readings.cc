#include "policy/projection/readings.h"

#include <algorithm>

#include "policy/projection/errors.h"

namespace postern::policy {
namespace {

// Up to here a list is searched from end to end; beyond, a set keeps a hostile record from costing quadratic time.
constexpr size_t kShortList = 16;

bool IsSigned(FieldType type) {
  using google::protobuf::FieldDescriptor;
  return type == FieldDescriptor::TYPE_INT32 || type == FieldDescriptor::TYPE_INT64 ||
         type == FieldDescriptor::TYPE_SINT32 || type == FieldDescriptor::TYPE_SINT64 ||
         type == FieldDescriptor::TYPE_SFIXED32 || type == FieldDescriptor::TYPE_SFIXED64;
}

}  // namespace

Readings::Readings(const ProjectionPlan::Tables& tables, absl::CivilDay today, Extracts* extracts)
    : tables_(tables), today_(today), extracts_(extracts), operands_(tables.operands.size()) {}

void Readings::Clear() {
  ClearExtracts(extracts_);
  std::fill(operands_.begin(), operands_.end(), OperandValue{});
  seen_.reset();
  negative_version_ = false;
}

void Readings::Scalar(const Field& field, uint64_t raw) {
  const uint64_t bits = OperandBits(field.type, raw);
  for (int32_t i = field.reads_begin; i < field.reads_end; ++i) {
    const Read& read = tables_.reads[i];
    if (read.operand >= 0) operands_[read.operand] = {true, bits, {}};
    if (read.role == v1::FIELD_ROLE_MINOR_FLAG) SetMinor(bits != 0);
    if (read.role == v1::FIELD_ROLE_RECORD_VERSION) {
      if (IsSigned(field.type) && static_cast<int64_t>(bits) < 0) negative_version_ = true;
      extracts_->record_version = bits;
      extracts_->has_record_version = true;
    }
  }
}

void Readings::Text(const Field& field, absl::string_view value) {
  for (int32_t i = field.reads_begin; i < field.reads_end; ++i) {
    const Read& read = tables_.reads[i];
    if (read.operand >= 0) operands_[read.operand] = {true, 0, value};
    switch (read.role) {
      case v1::FIELD_ROLE_RECORD_KEY:
        extracts_->record_key = value;
        break;
      case v1::FIELD_ROLE_ORDER_ID:
        extracts_->order_id = value;
        break;
      case v1::FIELD_ROLE_SUBJECT_ID:
        AddUnique(kSubjectIds, value, &extracts_->subject_ids);
        break;
      case v1::FIELD_ROLE_SUBJECT_CONTACT:
        AddUnique(kSubjectContacts, value, &extracts_->subject_contacts);
        break;
      case v1::FIELD_ROLE_GUARDIAN_ID:
        AddUnique(kGuardianIds, value, &extracts_->guardian_ids);
        break;
      case v1::FIELD_ROLE_DESTINATION_COUNTRY:
        extracts_->destination_country = value;
        break;
      case v1::FIELD_ROLE_ORIGIN_COUNTRY:
        extracts_->origin_country = value;
        break;
      case v1::FIELD_ROLE_BIRTH_DATE:
        SetBirthDate(ParseDay(value));
        break;
      default:
        break;
    }
  }
}

void Readings::Date(const Field& field, const DateParts& parts) {
  for (int32_t i = field.reads_begin; i < field.reads_end; ++i) {
    if (tables_.reads[i].role == v1::FIELD_ROLE_BIRTH_DATE) SetBirthDate(LatestDay(tables_.dates[field.date], parts));
  }
}

absl::Status Readings::Finish() {
  if (negative_version_) return errors::RecordMalformed(tables_.record_version_path);
  if (extracts_->order_id.empty()) extracts_->order_id = extracts_->record_key;
  if (!tables_.roles_required) return absl::OkStatus();
  if (extracts_->record_key.empty()) return errors::RecordKeyMissing(tables_.record_key_path);
  if (extracts_->subject_ids.empty() && extracts_->subject_contacts.empty()) return errors::SubjectMissing();
  return absl::OkStatus();
}

void Readings::AddUnique(List which, absl::string_view value, std::vector<absl::string_view>* list) {
  if (value.empty()) return;
  if (list->size() < kShortList) {
    if (std::find(list->begin(), list->end(), value) == list->end()) list->push_back(value);
    return;
  }
  if (seen_ == nullptr) seen_ = std::make_unique<Seen>();
  auto& seen = (*seen_)[which];
  if (seen.empty()) seen.insert(list->begin(), list->end());
  if (seen.insert(value).second) list->push_back(value);
}

void Readings::SetBirthDate(std::optional<absl::CivilDay> day) {
  if (!day) return;
  // Born on 29 February: of age on 1 March, which is what an overflowing civil day becomes.
  const absl::CivilDay of_age(day->year() + tables_.majority_age, day->month(), day->day());
  SetMinor(today_ < of_age);
}

void Readings::SetMinor(bool minor) {
  if (minor) {
    extracts_->minor = Extracts::Minor::kYes;
  } else if (extracts_->minor == Extracts::Minor::kUnknown) {
    extracts_->minor = Extracts::Minor::kNo;
  }
}

}  // namespace postern::policy
