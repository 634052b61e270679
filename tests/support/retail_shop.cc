#include "tests/support/retail_shop.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "client/verify/leaf.h"
#include "tests/support/retail_bundle.h"

namespace postern::testing {
namespace {

[[noreturn]] void Give(const std::string& up) {
  std::fprintf(stderr, "%s\n", up.c_str());
  std::abort();
}

void Require(const grpc::Status& status, const std::string& what) {
  if (!status.ok()) Give(absl::StrCat(what, ": ", ReasonOf(status), " ", status.error_message()));
}

}  // namespace

std::string PartnerName(const std::string& id) {
  return absl::StrCat("partners/", id);
}

v1::PolicyBundle::SourceFile& FileOf(v1::PolicyBundle* bundle, const std::string& name) {
  for (v1::PolicyBundle::SourceFile& file : *bundle->mutable_files()) {
    if (file.name() == name) return file;
  }
  Give(absl::StrCat("the bundle has no file ", name));
}

void EditFile(v1::PolicyBundle* bundle, const std::string& file, const std::string& from, const std::string& to) {
  std::string* text = FileOf(bundle, file).mutable_text();
  if (absl::StrReplaceAll({{from, to}}, text) != 1) Give(absl::StrCat(file, " does not hold this once: ", from));
}

v1::Record RecordOf(const google::protobuf::Message& message) {
  v1::Record record;
  record.set_type(message.GetTypeName());
  record.set_data(message.SerializeAsString());
  return record;
}

shop::v1::Shipment PlainShipment(const std::string& reference) {
  shop::v1::Shipment shipment;
  if (!shipment.ParseFromString(ShipmentRecord(reference, 1, "Example").data())) Give("no shipment");
  shipment.mutable_recipient()->mutable_address()->set_postcode("6300");
  return shipment;
}

void RetailShop::Open(const std::function<void(v1::PolicyBundle*)>& edit,
                      const std::vector<v1::PartnerEndpoint>& clear_pay_endpoints) {
  const auto add = [this](const std::string& id, const std::string& kind,
                          const std::vector<v1::PartnerEndpoint>& endpoints) {
    attestation_keys_[id] = client::NewSigningKey(client::SigningAlgorithm::kEd25519).value();
    gateway_.CreatePartner(id, kind, attestation_keys_[id].public_key, endpoints);
  };
  add("swift-parcel", "logistics", {});
  add("nordic-freight", "logistics", {});
  add("clear-pay", "payment", clear_pay_endpoints);
  v1::PolicyBundle bundle = RetailBundle();
  if (edit != nullptr) edit(&bundle);
  gateway_.ApplyBundle(bundle, {"swift-parcel", "nordic-freight", "clear-pay"});
}

std::unique_ptr<v1::StorefrontService::Stub> RetailShop::Storefront() {
  return v1::StorefrontService::NewStub(gateway_.Storefront());
}

std::unique_ptr<v1::PartnerService::Stub> RetailShop::Partner(const std::string& id) {
  return v1::PartnerService::NewStub(gateway_.PartnerChannel(id));
}

std::unique_ptr<v1::OperatorService::Stub> RetailShop::Operator(const std::string& person) {
  return v1::OperatorService::NewStub(gateway_.Person(person));
}

std::unique_ptr<v1::AuditService::Stub> RetailShop::Auditor() {
  return v1::AuditService::NewStub(gateway_.Person("otto"));
}

v1::CreateDisclosureRequest RetailShop::RequestFor(const v1::Record& record, const std::string& partner,
                                                   const std::string& purpose) {
  v1::CreateDisclosureRequest request;
  *request.mutable_record() = record;
  request.set_request_id(NewRequestId());
  v1::DisclosureTarget* target = request.add_targets();
  target->set_partner(PartnerName(partner));
  target->set_purpose(purpose);
  return request;
}

v1::TargetResult RetailShop::Disclose(const v1::Record& record, const std::string& partner,
                                      const std::string& purpose) {
  v1::CreateDisclosureResponse response;
  Require(Storefront()->CreateDisclosure(Deadline().get(), RequestFor(record, partner, purpose), &response),
          "CreateDisclosure");
  return response.results(0);
}

std::vector<v1::DeliveredRecord> RetailShop::Receive(const std::string& partner, int count) {
  const auto stub = Partner(partner);
  const auto context = Deadline(absl::Seconds(20));
  const auto stream = stub->Receive(context.get());
  v1::ReceiveRequest request;
  request.set_add_records(count);
  request.set_add_bytes(64 << 20);
  stream->Write(request);
  std::vector<v1::DeliveredRecord> records;
  for (v1::ReceiveResponse response; static_cast<int>(records.size()) < count;) {
    if (!stream->Read(&response)) Give(absl::StrCat("Receive ends early: ", stream->Finish().error_message()));
    v1::ReceiveRequest acknowledge;
    for (v1::DeliveredRecord& record : *response.mutable_records()) {
      v1::DeliveryRange* range = acknowledge.add_acknowledged();
      range->set_first(record.delivery());
      range->set_last(record.delivery());
      records.push_back(std::move(record));
    }
    stream->Write(acknowledge);
  }
  stream->WritesDone();
  for (v1::ReceiveResponse response; stream->Read(&response);) {
  }
  Require(stream->Finish(), "Receive");
  return records;
}

int64_t RetailShop::Pending(const std::string& partner) {
  v1::GetStandingResponse standing;
  Require(Partner(partner)->GetStanding(Deadline().get(), v1::GetStandingRequest(), &standing), "GetStanding");
  return standing.pending_count();
}

bool RetailShop::Settles(const std::string& partner) {
  for (int i = 0; i < 100; ++i) {
    if (Pending(partner) == 0) return true;
    absl::SleepFor(absl::Milliseconds(50));
  }
  return false;
}

shop::v1::Shipment RetailShop::SeenBy(const std::string& carrier, const shop::v1::Shipment& shipment) {
  const v1::TargetResult result = Disclose(RecordOf(shipment), carrier, "delivery");
  if (!result.has_disclosure()) Give(result.ShortDebugString());
  shop::v1::Shipment seen;
  if (!seen.ParseFromString(Receive(carrier, 1).at(0).record().data())) Give("no shipment");
  return seen;
}

v1::TerminatePartnerResponse RetailShop::Terminate(const std::string& partner) {
  const auto alice = Operator("alice");
  v1::GetPartnerRequest get;
  get.set_name(PartnerName(partner));
  v1::Partner resource;
  Require(alice->GetPartner(Deadline().get(), get, &resource), "GetPartner");
  v1::TerminatePartnerRequest request;
  request.set_name(get.name());
  request.set_confirm(get.name());
  request.set_etag(resource.etag());
  request.set_reason("test");
  v1::TerminatePartnerResponse response;
  Require(alice->TerminatePartner(Deadline().get(), request, &response), "TerminatePartner");
  return response;
}

std::vector<v1::DeletionNotice> RetailShop::Notices(const std::string& partner) {
  const auto stub = Partner(partner);
  for (int i = 0; i < 100; ++i) {
    v1::ListDeletionNoticesRequest request;
    request.set_page_size(100);
    v1::ListDeletionNoticesResponse response;
    Require(stub->ListDeletionNotices(Deadline().get(), request, &response), "ListDeletionNotices");
    if (!response.enumerating()) return {response.notices().begin(), response.notices().end()};
    absl::SleepFor(absl::Milliseconds(50));
  }
  Give("the notices are never all written");
}

std::vector<v1::AuditEntry> RetailShop::AuditEntries() {
  v1::ListEntriesRequest request;
  request.set_limit(1000);
  v1::ListEntriesResponse response;
  Require(Auditor()->ListEntries(Deadline().get(), request, &response), "ListEntries");
  std::vector<v1::AuditEntry> entries;
  for (const std::string& leaf : response.leaves()) {
    const auto parsed = client::verify::ParseLeaf(leaf);
    v1::AuditEntry entry;
    if (!parsed.ok() || !entry.ParseFromString(std::string(parsed->metadata))) Give("a leaf is not an audit entry");
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<std::string> RetailShop::FilesWith(const std::string& text) {
  std::vector<std::string> found;
  const auto look = [&](const std::string& path) {
    if (ReadWholeFile(path).find(text) != std::string::npos) found.push_back(path);
  };
  for (const auto& entry : std::filesystem::recursive_directory_iterator(gateway_.data_dir())) {
    if (entry.is_regular_file()) look(entry.path().string());
  }
  look(gateway_.Path("posternd.log"));
  return found;
}

}  // namespace postern::testing
