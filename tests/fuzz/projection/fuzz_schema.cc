#include "tests/fuzz/projection/fuzz_schema.h"

#include <google/protobuf/stubs/logging.h>

namespace postern::policy::testing {
namespace {

constexpr char kFields[] = R"(
  import "google/protobuf/any.proto";
  import "google/type/money.proto";
  enum Kind { ZERO = 0; ONE = 1; MINUS = -2; }
  message Date { LABEL int32 year = 1; LABEL int32 month = 2; LABEL int32 day = 3; }
  message Timestamp { LABEL int64 seconds = 1; LABEL int32 nanos = 2; }
  message Inner { LABEL string name = 1; LABEL int32 n = 2; LABEL Inner inner = 3; repeated string texts = 4; oneof o { string a = 5; Inner b = 6; } }
  message Record {
    LABEL string id = 1; LABEL int64 count = 2; LABEL double real = 3; LABEL Kind kind = 4; LABEL Inner inner = 5;
    repeated Inner items = 6; repeated sint32 packed = 7 [packed = true]; repeated fixed32 plain = 8 [packed = false];
    map<string, string> labels = 9; map<int32, Inner> people = 10;
    oneof choice { string card = 11; bytes iban = 12; Inner payer = 13; Kind mode = 14; }
    LABEL Date born = 15; LABEL Timestamp at = 16; repeated Kind kinds = 17; LABEL bytes raw = 18; GROUP
    LABEL google.protobuf.Any any = 20; repeated google.protobuf.Any anys = 21; LABEL google.type.Money price = 22;
  }
)";

std::string Schema(bool proto3) {
  std::string text = kFields;
  const auto replace = [&text](const std::string& from, const std::string& to) {
    for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
      text.replace(at, from.size(), to);
  };
  replace("LABEL ", proto3 ? "" : "optional ");
  replace("GROUP", proto3 ? "" : "optional group Box = 19 { optional string content = 1; optional int32 weight = 2; }");
  return (proto3 ? "syntax = 'proto3';" : "syntax = 'proto2';") + text;
}

v1::Generalise Date(v1::Generalise::DateUnit unit) {
  v1::Generalise spec;
  spec.set_date(unit);
  return spec;
}

v1::Generalise Postcode() {
  v1::Generalise spec;
  spec.mutable_postcode()->set_country_path("id");
  spec.mutable_postcode()->set_otherwise(1);
  for (const char* country : {"a", "b"}) {
    auto* rule = spec.mutable_postcode()->add_rules();
    rule->add_countries(country);
    rule->set_prefix(country[0] == 'a' ? 2 : 0);
  }
  return spec;
}

}  // namespace

FuzzPlans::FuzzPlans() : proto2_(Schema(false)), proto3_(Schema(true)) {
  google::protobuf::SetLogHandler(nullptr);
  for (const TestSchema* schema : {&proto2_, &proto3_}) {
    const auto& type = *schema->Type("Record");
    Add(KeepSpec(type, {}), true);
    Add(KeepSpec(type, {"id", "count", "real", "kind", "inner.name", "inner.inner.n", "items.texts", "packed"}), true);
    Add(KeepSpec(type, {"plain", "labels", "people.name", "card", "kinds", "born", "raw", "packed"}), true);
    Add(KeepSpec(type, {"payer.name", "mode", "items.b.name", "items.inner.inner.name", "people.inner.n"}), true);
    PlanSpec changed = KeepSpec(type, {"id", "inner.name", "items.name", "labels", "born", "at", "raw", "packed"});
    v1::Generalise step;
    step.set_step(7);
    v1::Truncate truncate;
    truncate.set_max_code_points(3);
    changed.leaves[0].transform = Date(v1::Generalise::MONTH);
    changed.leaves[1].transform = v1::Mask();
    changed.leaves[2].transform = truncate;
    changed.leaves[3].transform = v1::Pseudonymise();
    changed.leaves[4].transform = Date(v1::Generalise::QUARTER);
    changed.leaves[5].transform = Date(v1::Generalise::DAY);
    changed.leaves[6].transform = v1::Pseudonymise();
    changed.leaves[7].transform = step;
    Add(changed, true);
    PlanSpec decided = KeepSpec(type, {"inner.name", "items.n", "card", "items.name"});
    PredicateSpec when;
    when.left = PathOf(type, "inner.n");
    when.kind = PredicateSpec::Kind::kAtLeast;
    when.at_least = 2;
    decided.leaves[0].when = {when};
    when.kind = PredicateSpec::Kind::kEquals;
    when.left = PathOf(type, "kind");
    when.literals = {"1"};
    decided.leaves[1].when = {when};
    decided.leaves[3].transform = Postcode();
    decided.leaves[3].country = PathOf(type, "id");
    decided.roles = {Role(type, v1::FIELD_ROLE_SUBJECT_ID, "people.name"), Role(type, v1::FIELD_ROLE_RECORD_KEY, "id")};
    Add(decided, true);
    PlanSpec guarded = KeepSpec(type, {"id", "labels", "items.texts"});
    guarded.leaves[0].on_card_number = v1::REFUSE;
    guarded.leaves[1].on_card_number = v1::REFUSE;
    v1::Redact redact;
    for (const auto detector : {v1::Redact::CARD_NUMBER, v1::Redact::IBAN, v1::Redact::EMAIL, v1::Redact::PHONE})
      redact.add_detectors(detector);
    guarded.leaves[2].transform = redact;
    guarded.leaves[2].on_card_number = v1::REDACT;
    Add(guarded, false);
    PlanSpec held = KeepSpec(type, {"any[type.googleapis.com/Inner].name", "anys[type.googleapis.com/Inner].inner.n",
                                    "anys[type.googleapis.com/Record].id", "price"});
    held.leaves[3].transform = step;
    Add(held, true);
  }
}

void FuzzPlans::Add(PlanSpec spec, bool with_oracle) {
  FuzzPlan plan;
  plan.engine = MakeEngine(spec);
  if (with_oracle) plan.oracle = std::make_unique<Oracle>(spec);
  plan.spec = std::move(spec);
  plans_.push_back(std::move(plan));
}

}  // namespace postern::policy::testing
