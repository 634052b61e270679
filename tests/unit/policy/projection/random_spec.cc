#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "policy/projection/amount.h"
#include "policy/projection/any_value.h"
#include "policy/projection/transform.h"
#include "tests/unit/policy/projection/random_case.h"

namespace postern::policy::testing {
namespace {

namespace pb = google::protobuf;

constexpr size_t kMaxPath = 6;
constexpr size_t kMaxLeaves = 300;

bool IsReadable(const FieldPath& path) {
  return !EntersAnyValue(path) &&
         std::none_of(path.begin(), path.end(), [](const auto* field) { return field->is_repeated(); });
}

}  // namespace

const pb::Descriptor& RandomCase::AnyMessageOf(const Descriptor& type) {
  const pb::DescriptorPool& pool = *type.file()->pool();
  int count = 0;
  while (pool.FindMessageTypeByName(absl::StrCat("M", count)) != nullptr) ++count;
  if (count == 0) return type;  // other people's schema
  return *pool.FindMessageTypeByName(absl::StrCat("M", Below(static_cast<uint64_t>(count))));
}

void RandomCase::Leaves(const Descriptor& type, bool whole_amounts, FieldPath* path, std::vector<FieldPath>* out) {
  for (int i = 0; i < type.field_count() && out->size() < kMaxLeaves; ++i) {
    const FieldDescriptor* field = type.field(i);
    const size_t depth = path->size();
    path->push_back(field);
    const Descriptor* below = field->message_type();
    if (field->is_map()) {
      below = field->message_type()->map_value()->message_type();
      if (below != nullptr) path->push_back(field->message_type()->map_value());
    }
    if (below != nullptr && IsAny(*below)) {
      if (Chance(60) && path->size() + 2 <= kMaxPath) {
        path->push_back(below->FindFieldByNumber(kAnyValue));
        std::set<const Descriptor*> types = {&AnyMessageOf(type), &AnyMessageOf(type)};
        for (const Descriptor* packed : types) Leaves(*packed, whole_amounts, path, out);
      }
    } else if (below != nullptr && whole_amounts && IsMoney(*below) && Chance(50)) {
      out->push_back(*path);
    } else if (below == nullptr || (!path->back()->is_map() && CheckTransform(*path->back(), {}).ok() && Chance(50))) {
      out->push_back(*path);
    } else if (path->size() < kMaxPath) {
      Leaves(*below, whole_amounts, path, out);
    }
    path->resize(depth);
  }
}

TransformSpec RandomCase::RandomTransform(const FieldDescriptor& field) {
  TransformSpec spec;
  v1::Mask mask;
  mask.set_keep_first(static_cast<int>(Below(3)));
  mask.set_keep_last(static_cast<int>(Below(3)));
  if (Chance(50)) mask.set_with("\xe2\x80\xa2");
  v1::Truncate truncate;
  truncate.set_max_code_points(1 + static_cast<int>(Below(5)));
  v1::Generalise date, step, prefix;
  date.set_date(static_cast<v1::Generalise::DateUnit>(1 + Below(4)));
  step.set_step(1 + static_cast<int64_t>(Chance(90) ? Below(1000) : Below(INT64_MAX)));
  prefix.set_prefix(1 + static_cast<int>(Below(4)));
  v1::Constant constant;
  constant.set_value(Chance(50) ? "fixed" : "");
  const TransformSpec choices[] = {mask, truncate, date, step, prefix, constant, v1::Pseudonymise()};
  for (int tries = 0; tries < 6; ++tries) {
    const TransformSpec& choice = choices[Below(std::size(choices))];
    if (CheckTransform(field, choice).ok()) return choice;
  }
  return spec;
}

void RandomCase::CutByCountry(const std::vector<FieldPath>& leaves, LeafSpec* leaf) {
  std::vector<const FieldPath*> fit;
  for (const FieldPath& path : leaves) {
    if (IsReadable(path) && path.back()->type() == FieldDescriptor::TYPE_STRING) fit.push_back(&path);
  }
  v1::Generalise generalise;
  v1::Generalise::Postcode& postcode = *generalise.mutable_postcode();
  postcode.set_country_path("of the record");
  auto* some = postcode.add_rules();
  some->add_countries("1");
  some->add_countries("caf\xc3\xa9");
  some->set_prefix(static_cast<int>(Below(4)));
  auto* one = postcode.add_rules();
  one->add_countries("a");
  one->set_prefix(static_cast<int>(Below(4)));
  postcode.set_otherwise(static_cast<int>(Below(4)));
  if (fit.empty() || !CheckTransform(*leaf->path.back(), generalise).ok()) return;
  leaf->transform = generalise;
  leaf->country = *fit[Below(fit.size())];
}

PredicateSpec RandomCase::Condition(const std::vector<FieldPath>& leaves) {
  std::vector<const FieldPath*> fit;
  for (const FieldPath& path : leaves) {
    const auto type = path.back()->cpp_type();
    if (IsReadable(path) && type != FieldDescriptor::CPPTYPE_MESSAGE && type != FieldDescriptor::CPPTYPE_DOUBLE &&
        type != FieldDescriptor::CPPTYPE_FLOAT) {
      fit.push_back(&path);
    }
  }
  PredicateSpec spec;
  if (fit.empty()) return spec;
  spec.left = *fit[Below(fit.size())];
  const FieldDescriptor& field = *spec.left.back();
  spec.absent_is_false = Chance(30);
  spec.present = Chance(50);
  const bool number = field.cpp_type() != FieldDescriptor::CPPTYPE_STRING &&
                      field.cpp_type() != FieldDescriptor::CPPTYPE_BOOL &&
                      field.cpp_type() != FieldDescriptor::CPPTYPE_ENUM;
  switch (Below(4)) {
    case 0:
      if (number) {
        spec.kind = PredicateSpec::Kind::kAtLeast;
        spec.at_least = static_cast<int64_t>(Below(5)) - 1;
      }
      break;
    case 1:
      spec.kind = Chance(50) ? PredicateSpec::Kind::kEquals : PredicateSpec::Kind::kDiffersFrom;
      spec.literals = {field.type() == FieldDescriptor::TYPE_BOOL ? "true" : "1"};
      break;
    case 2:
      for (const FieldPath* other : fit) {
        if (other->back()->cpp_type() != field.cpp_type() || *other == spec.left) continue;
        spec.kind = Chance(50) ? PredicateSpec::Kind::kEquals : PredicateSpec::Kind::kDiffersFrom;
        spec.right = *other;
      }
      break;
    default:
      break;
  }
  return spec;
}

PlanSpec RandomCase::Spec(const Descriptor& root, bool plain) {
  PlanSpec spec;
  spec.record_type = &root;
  spec.roles_required = false;
  std::vector<FieldPath> leaves;
  FieldPath path;
  Leaves(root, !plain, &path, &leaves);
  const int percent = Chance(10) ? 0 : Chance(50) ? 25 : 60;
  for (const FieldPath& leaf_path : leaves) {
    if (!Chance(percent)) continue;
    LeafSpec leaf;
    leaf.path = leaf_path;
    const bool amount = leaf_path.back()->message_type() != nullptr && !leaf_path.back()->is_map() &&
                        IsMoney(*leaf_path.back()->message_type());
    if (amount) {
      v1::Generalise step;
      step.set_step(1 + static_cast<int64_t>(Chance(90) ? Below(1000) : Below(INT64_MAX)));
      leaf.transform = step;
    }
    if (!plain && !amount && Chance(40)) leaf.transform = RandomTransform(*leaf_path.back());
    if (!plain && Chance(10)) CutByCountry(leaves, &leaf);
    if (!plain && Chance(15)) {
      PredicateSpec condition = Condition(leaves);
      if (!condition.left.empty()) leaf.when.push_back(condition);
    }
    spec.leaves.push_back(std::move(leaf));
  }
  for (const FieldPath& role : leaves) {
    if (!plain && role.back()->cpp_type() == FieldDescriptor::CPPTYPE_STRING && !role.back()->is_map() &&
        !EntersAnyValue(role) && Chance(5)) {
      spec.roles.push_back({v1::FIELD_ROLE_SUBJECT_ID, role});
    }
  }
  return spec;
}

}  // namespace postern::policy::testing
