#include "policy/language/role_checks.h"

#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "policy/projection/date_value.h"

namespace postern::policy {
namespace {

using ::google::protobuf::FieldDescriptor;

std::string RoleName(v1::FieldRole role) {
  return absl::AsciiStrToLower(absl::StripPrefix(v1::FieldRole_Name(role), "FIELD_ROLE_"));
}

struct Requirement {
  bool singular = false;  // outside any repeated field
  bool at_most_one = false;
  bool (*type_fits)(const FieldDescriptor&) = nullptr;
  const char* types = "";
};

bool IsString(const FieldDescriptor& f) {
  return f.type() == FieldDescriptor::TYPE_STRING;
}

bool IsText(const FieldDescriptor& f) {
  return f.cpp_type() == FieldDescriptor::CPPTYPE_STRING;
}

bool IsBool(const FieldDescriptor& f) {
  return f.cpp_type() == FieldDescriptor::CPPTYPE_BOOL;
}

bool IsInteger(const FieldDescriptor& f) {
  switch (f.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64:
      return true;
    default:
      return false;
  }
}

bool IsDate(const FieldDescriptor& f) {
  return IsString(f) || (f.message_type() != nullptr && DateLayoutOf(*f.message_type()));
}

Requirement RequirementOf(v1::FieldRole role) {
  switch (role) {
    case v1::FIELD_ROLE_RECORD_KEY:
    case v1::FIELD_ROLE_ORDER_ID:
      return {true, true, IsText, "a string or bytes"};
    case v1::FIELD_ROLE_RECORD_VERSION:
      return {true, true, IsInteger, "an integer"};
    case v1::FIELD_ROLE_MINOR_FLAG:
      return {false, false, IsBool, "a bool"};
    case v1::FIELD_ROLE_BIRTH_DATE:
      return {false, false, IsDate, "a string, a google.protobuf.Timestamp or a message of year, month and day"};
    case v1::FIELD_ROLE_DESTINATION_COUNTRY:
    case v1::FIELD_ROLE_ORIGIN_COUNTRY:
      return {true, true, IsString, "a string"};
    default:
      return {false, false, IsText, "a string or bytes"};
  }
}

}  // namespace

void CheckRoles(const RecordType& record, DiagnosticSink& sink) {
  std::map<v1::FieldRole, int> count;
  const std::string& type = record.descriptor->full_name();
  for (const RoleSpec& spec : record.roles) {
    const Requirement requirement = RequirementOf(spec.role);
    const FieldDescriptor& field = *spec.path.back();
    const std::string what =
        absl::StrCat("role ", RoleName(spec.role), " of ", type, " at \"", ToDotted(spec.path), "\"");
    if (field.is_map() || !requirement.type_fits(field)) {
      sink.Error(record.location, absl::StrCat(what, " needs ", requirement.types));
    }
    if (requirement.singular && IsRepeated(spec.path)) {
      sink.Error(record.location, absl::StrCat(what, " is inside a repeated field"));
    }
    if (++count[spec.role] == 2 && requirement.at_most_one) {
      sink.Error(record.location, absl::StrCat("record type ", type, " has a second ", RoleName(spec.role), " at \"",
                                               ToDotted(spec.path), "\""));
    }
  }
  if (count[v1::FIELD_ROLE_RECORD_KEY] == 0) {
    sink.Error(record.location, absl::StrCat("record type ", type, " has no record key"), "",
               "give one field the role FIELD_ROLE_RECORD_KEY");
  }
  if (count[v1::FIELD_ROLE_SUBJECT_ID] == 0 && count[v1::FIELD_ROLE_SUBJECT_CONTACT] == 0) {
    sink.Error(record.location, absl::StrCat("record type ", type, " names no subject"), "P1.5a",
               "give a field the role FIELD_ROLE_SUBJECT_ID or FIELD_ROLE_SUBJECT_CONTACT");
  }
}

}  // namespace postern::policy
