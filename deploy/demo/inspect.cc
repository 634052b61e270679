// Reads transcripts: the distinct fields that a partner got, and one record side by side.
#include <iostream>
#include <set>
#include <string>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>
#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "deploy/demo/transcript.h"
#include "policy/retail/shop/v1/payment.pb.h"
#include "policy/retail/shop/v1/shipment.pb.h"

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

void CollectLeaves(const Message& message, const std::string& prefix, std::set<std::string>& leaves) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const std::string path = absl::StrCat(prefix, prefix.empty() ? "" : ".", field->name());
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field->is_map()) {
      leaves.insert(path);
    } else if (field->is_repeated()) {
      for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
        CollectLeaves(message.GetReflection()->GetRepeatedMessage(message, field, i), path, leaves);
      }
    } else {
      CollectLeaves(message.GetReflection()->GetMessage(message, field), path, leaves);
    }
  }
}

std::unique_ptr<Message> Parse(const std::string& type, const std::string& bytes) {
  std::unique_ptr<Message> message;
  if (type == "shop.v1.PaymentRequest") {
    message = std::make_unique<shop::v1::PaymentRequest>();
  } else {
    message = std::make_unique<shop::v1::Shipment>();
  }
  if (!message->ParseFromString(bytes)) message.reset();
  return message;
}

// Prints the first record whose reference (field 1) is `reference`, as text or, with `raw`, as it is.
void Show(const std::string& type, const std::vector<std::string>& records, const std::string& reference, bool raw) {
  for (const std::string& bytes : records) {
    const auto message = Parse(type, bytes);
    if (message == nullptr) continue;
    const FieldDescriptor* key = message->GetDescriptor()->FindFieldByNumber(1);
    if (message->GetReflection()->GetString(*message, key) != reference) continue;
    if (raw) {
      std::cout << bytes;
      return;
    }
    google::protobuf::TextFormat::Printer printer;
    printer.SetUseUtf8StringEscaping(true);
    std::string text;
    printer.PrintToString(*message, &text);
    std::cout << text;
    return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder, reference, raw, type = "shop.v1.Shipment";
  CLI::App app("What is in a transcript", "demo-inspect");
  app.add_option("folder", folder)->required();
  app.add_option("--type", type);
  app.add_option("--show", reference, "Print the record with this reference instead");
  app.add_option("--raw", raw, "Write the bytes of the record with this reference instead");
  CLI11_PARSE(app, argc, argv);
  const auto records = postern::demo::ReadTranscript(folder);
  if (!records.ok()) {
    std::cerr << records.status().message() << "\n";
    return 1;
  }
  if (!reference.empty() || !raw.empty()) {
    Show(type, *records, raw.empty() ? reference : raw, reference.empty());
    return 0;
  }
  std::set<std::string> leaves;
  for (const std::string& bytes : *records) {
    if (const auto message = Parse(type, bytes)) CollectLeaves(*message, "", leaves);
  }
  for (const std::string& leaf : leaves) std::cout << leaf << "\n";
  return 0;
}
