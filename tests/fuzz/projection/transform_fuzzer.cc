// Any text is a value: every transform of texts keeps valid UTF-8 valid and says the same of the same value; cutting,
// masking and rounding lose nothing more when they are applied again; a redacted text holds nothing that the detector
// finds. Input: one byte that picks a transform, then the value.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>

#include "policy/projection/card_number.h"
#include "policy/projection/iban.h"
#include "policy/projection/transform.h"
#include "policy/projection/utf8.h"
#include "tests/unit/policy/projection/test_schema.h"

namespace {

using namespace postern::policy;           // NOLINT(google-build-using-namespace): a fuzz target is one function
using namespace postern::policy::testing;  // NOLINT(google-build-using-namespace)
namespace v1 = postern::v1;

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "transform fuzzer: %s\n", what);
  std::abort();
}

struct Subjects {
  Subjects() : schema("syntax = 'proto3'; message M { string text = 1; int64 number = 2; double real = 3; }") {
    const auto& text = *schema.Type("M")->field(0);
    const auto add = [&](const TransformSpec& spec, bool settles) {
      auto transform = Transform::Create(text, spec);
      Require(transform.ok(), "a transform does not compile");
      transforms.push_back({*transform, settles});
    };
    v1::Mask mask;
    mask.set_keep_first(2);
    mask.set_keep_last(3);
    mask.set_with("\xe2\x80\xa2");
    v1::Truncate truncate;
    truncate.set_max_code_points(7);
    add({}, true);
    add(mask, true);
    add(truncate, true);
    for (int unit = v1::Generalise::DAY; unit <= v1::Generalise::YEAR; ++unit) {
      v1::Generalise date;
      date.set_date(static_cast<v1::Generalise::DateUnit>(unit));
      add(date, true);
    }
    v1::Generalise prefix;
    prefix.set_prefix(3);
    add(prefix, true);
    add(v1::Pseudonymise(), false);
    v1::Constant constant;
    constant.set_value("fixed");
    add(constant, true);
    v1::Redact redact;
    redact.add_detectors(v1::Redact::CARD_NUMBER);
    card_only = transforms.size();
    add(redact, true);
    redact.add_detectors(v1::Redact::IBAN);
    redact.add_detectors(v1::Redact::EMAIL);
    redact.add_detectors(v1::Redact::PHONE);
    add(redact, false);
  }

  struct Subject {
    Transform transform;
    bool settles;  // applying it again changes nothing
  };
  TestSchema schema;
  std::vector<Subject> transforms;
  size_t card_only = 0;  // the transform that redacts card numbers alone
};

// Ranges in order, apart, within the text and at code-point borders.
class Ranges {
 public:
  explicit Ranges(absl::string_view text) : text_(text) {}
  void Add(size_t begin, size_t end) {
    Require(begin >= at_ && begin < end && end <= text_.size(), "a finding is out of place");
    if (utf8::IsValid(text_)) Require(utf8::IsValid(text_.substr(begin, end - begin)), "a finding cuts a code point");
    at_ = end;
  }

 private:
  const absl::string_view text_;
  size_t at_ = 0;
};

void Numbers(const Subjects& subjects, absl::string_view bytes) {
  using google::protobuf::FieldDescriptor;
  if (bytes.size() < 16) return;
  uint64_t raw, step;
  std::memcpy(&raw, bytes.data(), 8);
  std::memcpy(&step, bytes.data() + 8, 8);
  v1::Generalise spec;
  spec.set_step(std::max<int64_t>(1, static_cast<int64_t>(step >> 1)));
  const auto transform = Transform::Create(*subjects.schema.Type("M")->field(1), spec);
  Require(transform.ok(), "a step does not compile");
  for (int type = 1; type <= FieldDescriptor::MAX_TYPE; ++type) {
    const auto field = static_cast<FieldDescriptor::Type>(type);
    if (field == FieldDescriptor::TYPE_STRING || field == FieldDescriptor::TYPE_BYTES ||
        field == FieldDescriptor::TYPE_MESSAGE || field == FieldDescriptor::TYPE_GROUP ||
        field == FieldDescriptor::TYPE_ENUM || field == FieldDescriptor::TYPE_BOOL) {
      continue;
    }
    uint64_t once = raw;
    if (!transform->ApplyNumber(field, &once)) continue;
    // Of a real number the second rounding may find itself just below a multiple.
    if (field == FieldDescriptor::TYPE_DOUBLE || field == FieldDescriptor::TYPE_FLOAT) continue;
    uint64_t twice = once;
    Require(transform->ApplyNumber(field, &twice) && once == twice, "a rounded number is rounded further");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Subjects* const subjects = new Subjects;
  if (size == 0) return 0;
  const absl::string_view value(reinterpret_cast<const char*>(data) + 1, size - 1);
  Ranges cards(value), ibans(value);
  FindCardNumbers(value, [&](size_t begin, size_t end) { cards.Add(begin, end); });
  FindIbans(value, [&](size_t begin, size_t end) { ibans.Add(begin, end); });
  Numbers(*subjects, value);
  if (!utf8::IsValid(value)) return 0;  // transforms of texts are given valid UTF-8

  const size_t picked = data[0] % subjects->transforms.size();
  const Subjects::Subject& subject = subjects->transforms[picked];
  const ProjectionContext context = TestContext();
  std::string once, same, twice;
  if (!subject.transform.AppendText(value, context.pseudonym, &once)) return 0;
  Require(utf8::IsValid(once), "a transform breaks UTF-8");
  Require(subject.transform.AppendText(value, context.pseudonym, &same) && once == same, "one value, two outcomes");
  if (picked == subjects->card_only) Require(!HasCardNumber(once), "a redacted text holds a card number");
  if (subject.settles) {
    Require(subject.transform.AppendText(once, context.pseudonym, &twice), "an outcome is no value");
    Require(once == twice, "applied again, it changes the outcome");
  }
  return 0;
}
