// A shop whose gateway has the retail bundle in force, and its partners: the carriers swift-parcel and nordic-freight
// and the payment channel clear-pay. Everything goes over mutual TLS through the public API. What a test needs and does
// not get ends the test process.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/message.h"
#include "policy/retail/shop/v1/shipment.pb.h"
#include "proto/postern/v1/audit.pb.h"
#include "proto/postern/v1/audit_service.grpc.pb.h"
#include "tests/support/test_gateway.h"

namespace postern::testing {

// "partners/{id}".
std::string PartnerName(const std::string& id);

// The source file of that name, for example "contracts/swift-parcel.txtpb".
v1::PolicyBundle::SourceFile& FileOf(v1::PolicyBundle* bundle, const std::string& name);
// Replaces the one occurrence of `from` in that file.
void EditFile(v1::PolicyBundle* bundle, const std::string& file, const std::string& from, const std::string& to);

v1::Record RecordOf(const google::protobuf::Message& message);
// A domestic shipment to an adult that every carrier's contract lets pass.
shop::v1::Shipment PlainShipment(const std::string& reference);

class RetailShop {
 public:
  // A running gateway that knows nobody yet. `extra_config` is appended to its configuration.
  explicit RetailShop(const std::string& extra_config = "") : gateway_(extra_config) { gateway_.Start(); }

  // Registers the partners and puts the retail bundle in force, after `edit`.
  void Open(const std::function<void(v1::PolicyBundle*)>& edit = nullptr,
            const std::vector<v1::PartnerEndpoint>& clear_pay_endpoints = {});

  TestGateway& gateway() { return gateway_; }
  std::unique_ptr<v1::StorefrontService::Stub> Storefront();
  std::unique_ptr<v1::PartnerService::Stub> Partner(const std::string& id);
  std::unique_ptr<v1::OperatorService::Stub> Operator(const std::string& person);
  std::unique_ptr<v1::AuditService::Stub> Auditor();
  // Of the partner's attestation key.
  const client::SigningKeyPem& AttestationKey(const std::string& id) const { return attestation_keys_.at(id); }

  static v1::CreateDisclosureRequest RequestFor(const v1::Record& record, const std::string& partner,
                                                const std::string& purpose);
  v1::TargetResult Disclose(const v1::Record& record, const std::string& partner, const std::string& purpose);
  // Receives and acknowledges that many records.
  std::vector<v1::DeliveredRecord> Receive(const std::string& partner, int count);
  // How many records wait for the partner or for its acknowledgement.
  int64_t Pending(const std::string& partner);
  // Waits until none does; false if that takes longer than five seconds.
  bool Settles(const std::string& partner);
  // Discloses a shipment for "delivery" and receives what the carrier gets of it.
  shop::v1::Shipment SeenBy(const std::string& carrier, const shop::v1::Shipment& shipment);

  v1::TerminatePartnerResponse Terminate(const std::string& partner);
  // The deletion notices of a terminated partner, once all are written.
  std::vector<v1::DeletionNotice> Notices(const std::string& partner);

  std::vector<v1::AuditEntry> AuditEntries();
  // The files of the data directory and the log that hold `text`.
  std::vector<std::string> FilesWith(const std::string& text);

 private:
  TestGateway gateway_;
  std::map<std::string, client::SigningKeyPem> attestation_keys_;
};

}  // namespace postern::testing
