#include "tests/bench/projection/grants.h"

#include <cstdlib>

#include "absl/strings/str_split.h"
#include "postern/bench/v1/order.pb.h"

namespace postern::bench {
namespace {

policy::FieldPath PathOf(const std::string& dotted) {
  policy::FieldPath path;
  const google::protobuf::Descriptor* type = v1::Order::descriptor();
  for (const absl::string_view name : absl::StrSplit(dotted, '.')) {
    path.push_back(type->FindFieldByName(std::string(name)));
    if (path.back() == nullptr) std::abort();
    type = path.back()->message_type();
  }
  return path;
}

policy::TransformSpec TransformOf(const std::string& path) {
  if (path == "customer.phone") {
    ::postern::v1::Mask mask;
    mask.set_keep_last(4);
    return mask;
  }
  if (path == "shipping_address.line2") {
    ::postern::v1::Truncate truncate;
    truncate.set_max_code_points(16);
    return truncate;
  }
  ::postern::v1::Generalise generalise;
  if (path == "shipping_address.postal_code") {
    generalise.set_prefix(2);
    return generalise;
  }
  if (path == "created_at.seconds" || path == "payment.amount.units") {
    generalise.set_step(path[0] == 'c' ? 86400 : 10);
    return generalise;
  }
  if (path == "payment.token") {
    ::postern::v1::Truncate truncate;
    truncate.set_max_code_points(12);
    return truncate;
  }
  return {};
}

policy::LeafSpec RedactedRemark() {
  ::postern::v1::Redact redact;
  for (const auto detector : {::postern::v1::Redact::CARD_NUMBER, ::postern::v1::Redact::IBAN,
                              ::postern::v1::Redact::EMAIL, ::postern::v1::Redact::PHONE}) {
    redact.add_detectors(detector);
  }
  policy::LeafSpec leaf;
  leaf.path = PathOf("remark");
  leaf.transform = redact;
  return leaf;
}

}  // namespace

std::vector<std::string> CarrierPaths() {
  return {"order_id",
          "customer.name",
          "customer.phone",
          "shipping_address.recipient",
          "shipping_address.line1",
          "shipping_address.line2",
          "shipping_address.city",
          "shipping_address.postal_code",
          "shipping_address.country",
          "line_items.sku",
          "line_items.quantity",
          "created_at.seconds",
          "created_at.nanos"};
}

std::vector<std::string> PaymentPaths() {
  return {"order_id",
          "payment.method",
          "payment.token",
          "payment.amount.currency",
          "payment.amount.units",
          "payment.amount.nanos"};
}

policy::PlanSpec MakeSpec(const std::vector<std::string>& paths, Meaning meaning) {
  policy::PlanSpec spec;
  spec.record_type = v1::Order::descriptor();
  spec.roles_required = meaning != Meaning::kGrant;
  for (const std::string& path : paths) {
    policy::LeafSpec leaf;
    leaf.path = PathOf(path);
    const bool text = leaf.path.back()->type() == google::protobuf::FieldDescriptor::TYPE_STRING;
    if (meaning != Meaning::kGrant && text) leaf.on_card_number = ::postern::v1::REFUSE;
    if (meaning == Meaning::kTransforms) leaf.transform = TransformOf(path);
    if (meaning == Meaning::kDecided && (path == "customer.name" || path == "payment.token")) {
      leaf.withheld_from_minors = true;
    }
    if (meaning == Meaning::kDecided && (path == "customer.phone" || path == "payment.amount.nanos")) {
      policy::PredicateSpec when;
      when.left = PathOf("channel");
      when.kind = policy::PredicateSpec::Kind::kEquals;
      when.literals = {"phone"};
      leaf.when.push_back(when);
    }
    spec.leaves.push_back(leaf);
  }
  if (meaning == Meaning::kRedacts) spec.leaves.push_back(RedactedRemark());
  if (meaning != Meaning::kGrant) {
    spec.roles.push_back({::postern::v1::FIELD_ROLE_RECORD_KEY, PathOf("order_id")});
    spec.roles.push_back({::postern::v1::FIELD_ROLE_SUBJECT_ID, PathOf("customer.customer_id")});
    spec.roles.push_back({::postern::v1::FIELD_ROLE_BIRTH_DATE, PathOf("customer.birth_date")});
  }
  return spec;
}

}  // namespace postern::bench
