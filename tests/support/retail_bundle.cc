#include "tests/support/retail_bundle.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "absl/strings/str_cat.h"
#include "policy/retail/shop/v1/shipment.pb.h"
#include "tests/source_tree/source_tree.h"
#include "tests/support/gateway_process.h"

namespace postern::testing {

v1::PolicyBundle RetailBundle() {
  namespace fs = std::filesystem;
  const fs::path root = SourceTreePath("policy/retail");
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.path().extension() == ".txtpb") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  v1::PolicyBundle bundle;
  bundle.set_descriptor_set(ReadWholeFile(POSTERN_RETAIL_DESCRIPTOR_SET));
  for (const fs::path& file : files) {
    v1::PolicyBundle::SourceFile* source = bundle.add_files();
    source->set_name(fs::relative(file, root).string());
    source->set_text(ReadWholeFile(SourceTreePath(absl::StrCat("policy/retail/", source->name()))));
  }
  return bundle;
}

v1::Record ShipmentRecord(const std::string& reference, uint64_t version, const std::string& marker) {
  shop::v1::Shipment shipment;
  shipment.set_reference(reference);
  shipment.set_version(version);
  shipment.set_order_number(absl::StrCat("order-", reference));
  shipment.set_customer_id(absl::StrCat("customer-", reference));
  shipment.set_account_email(absl::StrCat(marker, "@account.example"));
  shipment.mutable_recipient()->set_name(absl::StrCat("Recipient ", marker));
  shipment.mutable_recipient()->set_phone("+41 44 555 01 02");
  shipment.mutable_recipient()->set_minor(false);
  shipment.mutable_recipient()->mutable_address()->set_street("Seestrasse 1");
  shipment.mutable_recipient()->mutable_address()->set_city("Zug");
  shipment.mutable_recipient()->mutable_address()->set_country("CH");
  shipment.mutable_sender()->set_country("CH");
  v1::Record record;
  record.set_type("shop.v1.Shipment");
  record.set_data(shipment.SerializeAsString());
  return record;
}

}  // namespace postern::testing
