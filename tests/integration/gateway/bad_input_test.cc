// Bad input on the shop's side: a precise refusal with its reason, nothing for the partner, and the next record passes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/transport/request_id.h"
#include "google/rpc/error_details.pb.h"
#include "tests/support/retail_shop.h"

namespace postern::testing {
namespace {

using ::testing::HasSubstr;

// A field of the shipment that no schema knows, as groups within groups.
std::string Groups(int depth) {
  std::string groups;
  for (int i = 0; i < depth; ++i) groups += "\x83\xfa\x01";
  for (int i = 0; i < depth; ++i) groups += "\x84\xfa\x01";
  return groups;
}

struct BadRequest {
  const char* name;
  const char* reason;
  std::function<void(v1::CreateDisclosureRequest*)> spoil;
};

void PrintTo(const BadRequest& request, std::ostream* out) {
  *out << request.name;
}

// A shipment after `edit` as the record of a request.
std::function<void(v1::CreateDisclosureRequest*)> Shipment(const std::function<void(shop::v1::Shipment*)>& edit) {
  return [edit](v1::CreateDisclosureRequest* request) {
    shop::v1::Shipment shipment = PlainShipment("BAD-1");
    edit(&shipment);
    *request->mutable_record() = RecordOf(shipment);
  };
}

std::vector<BadRequest> BadRequests() {
  using R = v1::CreateDisclosureRequest;
  return {
      {"unknown_partner", "PARTNER_UNKNOWN", [](R* r) { r->mutable_targets(0)->set_partner("partners/nobody"); }},
      {"unknown_purpose", "PURPOSE_NOT_GRANTED", [](R* r) { r->mutable_targets(0)->set_purpose("resale"); }},
      {"unknown_type", "RECORD_TYPE_UNKNOWN", [](R* r) { r->mutable_record()->set_type("shop.v1.Nothing"); }},
      {"type_of_a_part", "RECORD_TYPE_UNKNOWN", [](R* r) { r->mutable_record()->set_type("shop.v1.Recipient"); }},
      {"unknown_policy_version", "POLICY_VERSION", [](R* r) { r->set_policy_version("1999-01"); }},
      {"no_record", "INVALID_ARGUMENT", [](R* r) { r->clear_record(); }},
      {"no_target", "INVALID_ARGUMENT", [](R* r) { r->clear_targets(); }},
      {"nine_targets", "INVALID_ARGUMENT",
       [](R* r) {
         for (int i = 0; i < 8; ++i) {
           *r->add_targets() = r->targets(0);
           r->mutable_targets(i + 1)->set_purpose(absl::StrCat("purpose-", i));
         }
       }},
      {"the_same_target_twice", "INVALID_ARGUMENT", [](R* r) { *r->add_targets() = r->targets(0); }},
      {"truncated", "RECORD_MALFORMED", [](R* r) { r->mutable_record()->mutable_data()->pop_back(); }},
      {"not_protobuf", "RECORD_MALFORMED", [](R* r) { r->mutable_record()->set_data("\xff\xff\xff\xff"); }},
      {"field_zero", "RECORD_MALFORMED", [](R* r) { r->mutable_record()->mutable_data()->append("\x02\x00", 2); }},
      {"invalid_utf8", "RECORD_MALFORMED",
       [](R* r) { r->mutable_record()->mutable_data()->append("\x0a\x02\xc3\x28"); }},
      {"over_deep", "RECORD_TOO_DEEP", [](R* r) { r->mutable_record()->mutable_data()->append(Groups(200)); }},
      {"over_large", "RECORD_TOO_LARGE", Shipment([](auto* s) { s->set_remark(std::string((1 << 20) + 1, 'x')); })},
      {"no_key", "RECORD_KEY_MISSING", Shipment([](auto* s) { s->clear_reference(); })},
      {"no_subject", "SUBJECT_MISSING", Shipment([](auto* s) {
         s->clear_customer_id();
         s->mutable_recipient()->clear_phone();
       })},
      {"no_required_field", "REQUIRED_FIELD_MISSING",
       Shipment([](auto* s) { s->mutable_recipient()->mutable_address()->clear_street(); })},
      {"card_number", "CARD_NUMBER", Shipment([](auto* s) { s->mutable_recipient()->set_name("5500005555555559"); })},
      {"no_request_id", "INVALID_ARGUMENT", [](R* r) { r->clear_request_id(); }},
      {"random_request_id", "REQUEST_ID_INVALID",
       [](R* r) { r->set_request_id("3b241101-e2bb-4255-8caf-4136c566a962"); }},
      {"old_request_id", "REQUEST_ID_EXPIRED",
       [](R* r) { r->set_request_id(client::NewRequestId(absl::Now() - absl::Hours(25))); }},
      {"request_id_of_tomorrow", "REQUEST_ID_EXPIRED",
       [](R* r) { r->set_request_id(client::NewRequestId(absl::Now() + absl::Hours(1))); }},
  };
}

class BadInputTest : public ::testing::Test {
 protected:
  BadInputTest() { shop_.Open(); }

  // The reason of the one answer to `request`, wherever the answer carries it.
  std::string Refusal(const v1::CreateDisclosureRequest& request) {
    v1::CreateDisclosureResponse response;
    const grpc::Status status = shop_.Storefront()->CreateDisclosure(Deadline().get(), request, &response);
    if (!status.ok()) return ReasonOf(status);
    if (response.results_size() != 1 || !response.results(0).has_error()) return response.ShortDebugString();
    for (const auto& detail : response.results(0).error().details()) {
      google::rpc::ErrorInfo info;
      if (detail.UnpackTo(&info)) return info.reason();
    }
    return "no reason";
  }

  RetailShop shop_;
};

class BadRequestTest : public BadInputTest, public ::testing::WithParamInterface<BadRequest> {};

TEST_P(BadRequestTest, IsRefusedByReasonAndTheNextOnePasses) {
  v1::CreateDisclosureRequest request =
      RetailShop::RequestFor(RecordOf(PlainShipment("BAD-1")), "swift-parcel", "delivery");
  const v1::CreateDisclosureRequest good = request;
  GetParam().spoil(&request);
  EXPECT_EQ(Refusal(request), absl::StrCat("ERROR_REASON_", GetParam().reason));
  EXPECT_EQ(shop_.Pending("swift-parcel"), 0);

  // The same in a batch: its neighbours pass.
  v1::BatchCreateDisclosuresRequest batch;
  *batch.add_requests() = RetailShop::RequestFor(RecordOf(PlainShipment("GOOD-1")), "swift-parcel", "delivery");
  *batch.add_requests() = request;
  *batch.add_requests() = RetailShop::RequestFor(RecordOf(PlainShipment("GOOD-2")), "swift-parcel", "delivery");
  v1::BatchCreateDisclosuresResponse answers;
  ASSERT_TRUE(shop_.Storefront()->BatchCreateDisclosures(Deadline().get(), batch, &answers).ok());
  ASSERT_EQ(answers.answers_size(), 3);
  EXPECT_TRUE(answers.answers(0).results(0).has_disclosure());
  EXPECT_THAT(answers.answers(1).ShortDebugString(), HasSubstr(GetParam().reason));
  EXPECT_TRUE(answers.answers(2).results(0).has_disclosure());
  // And in a stream.
  const auto stub = shop_.Storefront();
  const auto context = Deadline();
  const auto stream = stub->StreamDisclosures(context.get());
  v1::StreamDisclosuresRequest message;
  *message.add_requests() = request;
  *message.add_requests() = RetailShop::RequestFor(RecordOf(PlainShipment("GOOD-3")), "swift-parcel", "delivery");
  ASSERT_TRUE(stream->Write(message));
  stream->WritesDone();
  std::vector<v1::DisclosureAnswer> streamed;
  for (v1::StreamDisclosuresResponse part; stream->Read(&part);) {
    streamed.insert(streamed.end(), part.answers().begin(), part.answers().end());
  }
  EXPECT_TRUE(stream->Finish().ok());
  ASSERT_EQ(streamed.size(), 2u);
  EXPECT_THAT(streamed[0].ShortDebugString(), HasSubstr(GetParam().reason));
  EXPECT_TRUE(streamed[1].results(0).has_disclosure());

  v1::CreateDisclosureResponse response;
  ASSERT_TRUE(shop_.Storefront()->CreateDisclosure(Deadline().get(), good, &response).ok());
  EXPECT_TRUE(response.results(0).has_disclosure()) << response.ShortDebugString();
  EXPECT_EQ(shop_.Pending("swift-parcel"), 4);
}

INSTANTIATE_TEST_SUITE_P(Shop, BadRequestTest, ::testing::ValuesIn(BadRequests()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_F(BadInputTest, ARequestIdAnswersTheSameContentOnlyAcrossARestartToo) {
  const v1::CreateDisclosureRequest request =
      RetailShop::RequestFor(RecordOf(PlainShipment("R-1")), "swift-parcel", "delivery");
  v1::CreateDisclosureResponse first;
  ASSERT_TRUE(shop_.Storefront()->CreateDisclosure(Deadline().get(), request, &first).ok());
  ASSERT_TRUE(first.results(0).has_disclosure());
  v1::CreateDisclosureRequest other = request;
  shop::v1::Shipment changed = PlainShipment("R-1");
  changed.set_remark("another");
  *other.mutable_record() = RecordOf(changed);
  for (const bool restarted : {false, true}) {
    if (restarted) {
      shop_.gateway().process().Signal(SIGKILL);
      shop_.gateway().process().Wait(absl::Seconds(10));
      shop_.gateway().Restart();
    }
    v1::CreateDisclosureResponse again;
    ASSERT_TRUE(shop_.Storefront()->CreateDisclosure(Deadline().get(), request, &again).ok());
    EXPECT_EQ(again.results(0).disclosure().name(), first.results(0).disclosure().name());
    EXPECT_EQ(again.results(0).disclosure().audit().leaf_index(), first.results(0).disclosure().audit().leaf_index());
    EXPECT_EQ(Refusal(other), "ERROR_REASON_REQUEST_ID_REUSED");
  }
  EXPECT_EQ(shop_.Pending("swift-parcel"), 1);
}

TEST_F(BadInputTest, AStaleVersionIsRefused) {
  shop::v1::Shipment shipment = PlainShipment("R-2");
  shipment.set_version(7);
  ASSERT_TRUE(shop_.Disclose(RecordOf(shipment), "swift-parcel", "delivery").has_disclosure());
  for (const uint64_t version : {7u, 6u}) {
    shipment.set_version(version);
    EXPECT_THAT(shop_.Disclose(RecordOf(shipment), "swift-parcel", "delivery").error().ShortDebugString(),
                HasSubstr("ERROR_REASON_RECORD_VERSION_STALE"));
  }
  shipment.set_version(8);
  EXPECT_TRUE(shop_.Disclose(RecordOf(shipment), "swift-parcel", "delivery").has_disclosure());
}

TEST_F(BadInputTest, ACompressedRequestIsRefused) {
  shop::v1::Shipment shipment = PlainShipment("R-3");
  shipment.set_remark(std::string(4096, 'x'));  // or it would not be packed
  const v1::CreateDisclosureRequest request = RetailShop::RequestFor(RecordOf(shipment), "swift-parcel", "delivery");
  v1::CreateDisclosureResponse response;
  for (const auto algorithm : {GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE}) {
    const auto context = Deadline();
    context->set_compression_algorithm(algorithm);
    const grpc::Status refused = shop_.Storefront()->CreateDisclosure(context.get(), request, &response);
    EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNIMPLEMENTED) << refused.error_message();
  }
  EXPECT_EQ(shop_.Pending("swift-parcel"), 0);
  ASSERT_TRUE(shop_.Storefront()->CreateDisclosure(Deadline().get(), request, &response).ok());
  EXPECT_TRUE(response.results(0).has_disclosure()) << response.ShortDebugString();
}

}  // namespace
}  // namespace postern::testing
