#include "tests/bench/projection/compile_load.h"

#include <algorithm>
#include <chrono>

#include <google/protobuf/descriptor.pb.h>

#include "absl/strings/str_cat.h"
#include "policy/language/compiler.h"

namespace postern::bench {
namespace {

using google::protobuf::DescriptorProto;
using google::protobuf::FieldDescriptorProto;

constexpr int kTypes = 100;  // record types
constexpr int kContracts = 1000;
constexpr const char* kInner[] = {"Person", "Place", "Goods", "Times"};  // messages of each record type

void AddField(const std::string& name, int number, const std::string& message, DescriptorProto* to) {
  FieldDescriptorProto& field = *to->add_field();
  field.set_name(name);
  field.set_number(number);
  field.set_label(message.empty() || message.rfind("Goods", 0) != 0 ? FieldDescriptorProto::LABEL_OPTIONAL
                                                                    : FieldDescriptorProto::LABEL_REPEATED);
  field.set_type(message.empty() ? FieldDescriptorProto::TYPE_STRING : FieldDescriptorProto::TYPE_MESSAGE);
  if (!message.empty()) field.set_type_name(".load.v1." + message);
}

// Five messages a record type: the record with eight texts and four messages of eight texts each.
std::string DescriptorSet(int* messages) {
  google::protobuf::FileDescriptorSet set;
  for (int i = 0; i < kTypes; ++i) {
    google::protobuf::FileDescriptorProto& file = *set.add_file();
    file.set_name(absl::StrCat("load/v1/record", i, ".proto"));
    file.set_package("load.v1");
    file.set_syntax("proto3");
    DescriptorProto& record = *file.add_message_type();
    record.set_name(absl::StrCat("Record", i));
    for (int j = 0; j < 8; ++j) AddField(absl::StrCat("text", j), j + 1, "", &record);
    for (int k = 0; k < 4; ++k) {
      AddField(absl::StrCat("inner", k), 9 + k, absl::StrCat(kInner[k], i), &record);
      DescriptorProto& inner = *file.add_message_type();
      inner.set_name(absl::StrCat(kInner[k], i));
      for (int j = 0; j < 8; ++j) AddField(absl::StrCat("text", j), j + 1, "", &inner);
    }
    *messages += file.message_type_size();
  }
  return set.SerializeAsString();
}

std::string Catalogue() {
  std::string text = "# proto-message: postern.v1.Catalogue\n";
  for (int i = 0; i < kTypes; ++i) {
    absl::StrAppend(&text, "record_types {\n  type: \"load.v1.Record", i, "\"\n",
                    "  fields { path: \"text0\" category: \"reference\" roles: FIELD_ROLE_RECORD_KEY }\n",
                    "  fields { path: \"text1\" category: \"customer\" roles: FIELD_ROLE_SUBJECT_ID }\n");
    for (int j = 2; j < 8; ++j) absl::StrAppend(&text, "  fields { path: \"text", j, "\" category: \"reference\" }\n");
    for (int k = 0; k < 4; ++k) absl::StrAppend(&text, "  fields { path: \"inner", k, "\" category: \"delivery\" }\n");
    absl::StrAppend(&text, "}\n");
  }
  return text;
}

constexpr char kPolicy[] = R"(# proto-message: postern.v1.PrivacyPolicy
name: "privacyPolicies/load"
version: "1"
effective_on: "2026-01-01"
categories { id: "reference" display_name: "Numbers" clauses: "L1" }
categories { id: "customer" display_name: "Customer number" clauses: "L1" personal: true }
categories { id: "delivery" display_name: "Delivery" clauses: "L1" personal: true }
purposes { id: "delivery" display_name: "Delivery" clauses: "L1" }
ceilings {
  partner_kind: "logistics" purpose: "delivery" clauses: "L1"
  categories { id: "reference" essential: true }
  categories { id: "delivery" essential: true }
}
minors { clauses: "L1" withheld_categories: "delivery" majority_age: 18 }
card_numbers { clauses: "L1" structured: REFUSE free_text: REDACT }
retentions { categories: "reference" categories: "customer" categories: "delivery" starts_on: ORDER_CLOSED days: 90 clauses: "L1" }
)";

std::string Contract(int i) {
  std::string text = absl::StrCat("# proto-message: postern.v1.Contract\nname: \"partners/p", i, "/contracts/c\"\n", R"(
partner_kind: "logistics"
effective_on: "2026-01-01"
expires_on: "2028-12-31"
legal { role: PROCESSOR recipient_country: "SE" transfer_basis: DOMESTIC }
)");
  const std::string digest(64, 'a');
  for (const char* kind : {"CONFIDENTIALITY_AGREEMENT", "PRIVACY_COMMITMENT", "QUALIFICATION"}) {
    absl::StrAppend(&text, "documents { kind: ", kind, " sha256: \"", digest,
                    "\" signatory: \"Director\" signed_on: \"2025-11-15\" expires_on: \"2028-12-31\" }\n");
  }
  absl::StrAppend(&text, "grants {\n  purpose: \"delivery\" record_type: \"load.v1.Record", i % kTypes,
                  "\" justification: \"delivery\"\n  fields { path: \"text0\" required: true }\n");
  for (int k = 0; k < 4; ++k) {
    for (int j = 0; j < 3; ++j) {
      absl::StrAppend(&text, "  fields { path: \"inner", k, ".text", (i + k + 2 * j) % 8, "\" }\n");
    }
  }
  absl::StrAppend(&text, R"(}
delivery { receive {} max_pending_hours: 48 max_unacknowledged: 64 }
partner_retention { days: 60 starts_on: DELIVERED }
deletion { locator_path: "text0" due_days: 21 attestation: PARTNER_KEY }
supervision { max_records_per_day: 20000 on_breach: SUSPEND }
)");
  return text;
}

}  // namespace

CompileLoad RunCompileLoad() {
  CompileLoad load;
  load.contracts = kContracts;
  policy::BundleSources sources;
  sources.descriptor_set = DescriptorSet(&load.messages);
  sources.files = {{"catalogue.txtpb", Catalogue()}, {"privacy_policy.txtpb", kPolicy}};
  for (int i = 0; i < kContracts; ++i) sources.files.push_back({absl::StrCat("contracts/", i, ".txtpb"), Contract(i)});
  for (int round = 0; round < 3; ++round) {
    const auto start = std::chrono::steady_clock::now();
    const policy::CompileResult result = policy::Compile(sources);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    load.seconds = round == 0 ? seconds : std::min(load.seconds, seconds);
    if (result.bundle == nullptr) {
      load.problem = result.diagnostics.empty() ? "the load does not compile" : policy::ToString(result.diagnostics[0]);
      return load;
    }
  }
  return load;
}

}  // namespace postern::bench
