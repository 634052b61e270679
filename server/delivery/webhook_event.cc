#include "server/delivery/webhook_event.h"

#include <memory>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver.h>
#include <google/protobuf/util/type_resolver_util.h>

#include "absl/strings/str_cat.h"
#include "server/disclosure/errors.h"
#include "server/registry/times.h"

namespace postern::delivery {
namespace {

namespace pb = google::protobuf;

constexpr char kPrefix[] = "type.googleapis.com";

// The gateway's own types, and those of the shop's records beside them.
class TwoPools : public pb::util::TypeResolver {
 public:
  explicit TwoPools(const pb::DescriptorPool* records)
      : own_(pb::util::NewTypeResolverForDescriptorPool(kPrefix, pb::DescriptorPool::generated_pool())),
        records_(pb::util::NewTypeResolverForDescriptorPool(kPrefix, records)) {}

  pb::util::Status ResolveMessageType(const std::string& url, pb::Type* type) override {
    // The shop's first: its file may have another version of a well-known type, and its records are made of that.
    return records_->ResolveMessageType(url, type).ok() ? pb::util::Status() : own_->ResolveMessageType(url, type);
  }
  pb::util::Status ResolveEnumType(const std::string& url, pb::Enum* type) override {
    return records_->ResolveEnumType(url, type).ok() ? pb::util::Status() : own_->ResolveEnumType(url, type);
  }

 private:
  const std::unique_ptr<pb::util::TypeResolver> own_;
  const std::unique_ptr<pb::util::TypeResolver> records_;
};

absl::StatusOr<std::string> ToJson(pb::util::TypeResolver& resolver, const v1::WebhookEvent& event) {
  std::string json;
  const auto status =
      pb::util::BinaryToJsonString(&resolver, absl::StrCat(kPrefix, "/", v1::WebhookEvent::descriptor()->full_name()),
                                   event.SerializeAsString(), &json);
  // Its message may quote the record.
  if (!status.ok()) return disclosure::errors::Inconsistent("a record is not what its type says");
  return json;
}

}  // namespace

absl::StatusOr<std::string> RecordEventJson(const policy::CompiledBundle& bundle, const v1::DeliveredRecord& record,
                                            absl::Time now) {
  const pb::Descriptor* type = bundle.FindMessage(record.record().type());
  if (type == nullptr) return disclosure::errors::RecordTypeUnknown(record.record().type());
  v1::WebhookEvent event;
  event.set_type("record.delivered");
  registry::SetTime(now, event.mutable_timestamp());
  v1::WebhookRecord& content = *event.mutable_record();
  content.set_disclosure(record.disclosure());
  content.set_handle(record.handle());
  content.set_purpose(record.purpose());
  content.mutable_record()->set_type_url(absl::StrCat(kPrefix, "/", record.record().type()));
  content.mutable_record()->set_value(record.record().data());
  content.set_record_version(record.record_version());
  *content.mutable_create_time() = record.create_time();
  content.set_contract_revision(record.contract_revision());
  content.set_policy_version(record.policy_version());
  content.set_redelivered(record.redelivered());
  TwoPools pools(type->file()->pool());
  return ToJson(pools, event);
}

absl::StatusOr<std::string> ChallengeEventJson(const v1::ConfirmEndpointRequest& request, absl::Time now) {
  v1::WebhookEvent event;
  event.set_type("endpoint.challenge");
  registry::SetTime(now, event.mutable_timestamp());
  event.mutable_challenge()->set_partner(request.partner());
  event.mutable_challenge()->set_endpoint(request.endpoint());
  event.mutable_challenge()->set_challenge(request.challenge());
  TwoPools pools(pb::DescriptorPool::generated_pool());
  return ToJson(pools, event);
}

absl::StatusOr<v1::WebhookChallengeAnswer> ParseChallengeAnswer(const std::string& json) {
  pb::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  v1::WebhookChallengeAnswer answer;
  if (!pb::util::JsonStringToMessage(json, &answer, options).ok()) {
    return disclosure::errors::InvalidField("challenge", "was not answered as WebhookChallengeAnswer says");
  }
  return answer;
}

}  // namespace postern::delivery
