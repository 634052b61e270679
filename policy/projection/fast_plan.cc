#include "policy/projection/fast_plan.h"

#include <algorithm>
#include <numeric>

#include "policy/projection/writer.h"

namespace postern::policy {
namespace {

using google::protobuf::FieldDescriptor;

FastOp SkipOp(wire::Type type) {
  switch (type) {
    case wire::kVarint:
      return FastOp::kSkipVarint;
    case wire::kFixed64:
      return FastOp::kSkipFixed64;
    case wire::kFixed32:
      return FastOp::kSkipFixed32;
    case wire::kDelimited:
      return FastOp::kSkipDelimited;
    default:
      return FastOp::kLeave;
  }
}

FastOp KeepOp(const Field& field, const Leaf& leaf) {
  switch (field.wire_type) {
    case wire::kFixed64:
      return FastOp::kFixed64;
    case wire::kFixed32:
      return FastOp::kFixed32;
    case wire::kVarint:
      return field.type == FieldDescriptor::TYPE_INT64 || field.type == FieldDescriptor::TYPE_UINT64 ||
                     field.type == FieldDescriptor::TYPE_SINT64
                 ? FastOp::kVarint
                 : FastOp::kNarrowVarint;
    default:
      break;
  }
  if (field.type != FieldDescriptor::TYPE_STRING) return FastOp::kBytes;
  if (leaf.on_card_number != v1::CARD_NUMBER_ACTION_UNSPECIFIED) return FastOp::kGuardedText;
  return field.check_utf8 ? FastOp::kText : FastOp::kBytes;
}

class FastPlanBuilder {
 public:
  explicit FastPlanBuilder(const ProjectionPlan::Tables& tables) : tables_(tables) {}

  std::unique_ptr<const FastPlan> Build() {
    if (tables_.levels.size() > kMaxFastLevels || tables_.gates.size() > 64) return nullptr;
    auto plan = std::make_unique<FastPlan>();
    plan_ = plan.get();
    plan->levels.resize(tables_.levels.size());
    plan->level_count = plan->levels.size();
    for (uint32_t tag = 0; tag < plan->unknown.size(); ++tag) {
      plan->unknown[tag].op = SkipOp(static_cast<wire::Type>(tag & 7));
      plan->unknown[tag].seen = uint64_t{1} << kUnknownBit;
    }
    for (size_t i = 0; i < tables_.levels.size(); ++i) {
      const Level& level = tables_.levels[i];
      if (level.fields.size() > kMaxFastFields || level.depth > kMaxFastDepth || level.oneofs > 64) return nullptr;
      BuildLevel(static_cast<uint8_t>(i), level, &plan->levels[i]);
    }
    std::vector<uint8_t> levels(tables_.levels.size());
    std::iota(levels.begin(), levels.end(), uint8_t{0});
    plan->report = BuildFastReport(tables_, *plan, levels);
    plan->reads = !tables_.reads.empty() || tables_.roles_required;
    plan->dynamic = tables_.dynamic();
    plan->transforms |= std::any_of(tables_.leaves.begin(), tables_.leaves.end(),
                                    [](const Leaf& leaf) { return !leaf.transform.is_keep(); });
    return plan;
  }

 private:
  void BuildLevel(uint8_t index, const Level& level, FastLevel* fast) {
    fast->level = &level;
    fast->index = index;
    std::copy_n(plan_->unknown.begin(), fast->unknown.size(), fast->unknown.begin());
    fast->two_bytes.fill(&plan_->unknown);
    fast->one_byte = plan_->unknown;
    for (uint32_t tag = 0; tag < wire::MakeTag(1, wire::kVarint); ++tag) fast->one_byte[tag] = FastEntry();
    fast->seen_bits = SeenBits(level);
    for (const Field& field : level.fields) {
      AddEntry(field, field.wire_type, level, fast);
      const bool packable =
          field.repeated && field.wire_type != wire::kDelimited && field.wire_type != wire::kStartGroup;
      if (packable) AddEntry(field, wire::kDelimited, level, fast);
    }
    std::sort(fast->long_tags.begin(), fast->long_tags.end(),
              [](const LongEntry& a, const LongEntry& b) { return a.tag < b.tag; });
  }

  static std::vector<uint8_t> SeenBits(const Level& level) {
    std::vector<uint8_t> bits(level.fields.size());
    std::vector<size_t> withheld;
    uint8_t next = 0;
    for (size_t i = 0; i < level.fields.size(); ++i) {
      if (level.fields[i].withheld_bit >= 0) {
        withheld.push_back(i);
      } else {
        bits[i] = next++;
      }
    }
    std::sort(withheld.begin(), withheld.end(),
              [&](size_t a, size_t b) { return level.fields[a].withheld_bit < level.fields[b].withheld_bit; });
    for (size_t i = 0; i < withheld.size(); ++i) {
      bits[withheld[i]] = static_cast<uint8_t>(kUnknownBit - withheld.size() + i);
    }
    return bits;
  }

  void AddEntry(const Field& field, wire::Type type, const Level& level, FastLevel* fast) {
    FastEntry entry = MakeEntry(field, type, level);
    entry.seen = uint64_t{1} << fast->seen_bits[static_cast<size_t>(&field - level.fields.data())];
    const uint32_t tag = wire::MakeTag(field.number, type);
    if (tag < fast->one_byte.size()) {
      if (entry.op == FastOp::kSkipDelimited && field.repeated) entry.op = FastOp::kSkipRepeated;
      fast->one_byte[tag] = entry;
      return;
    }
    fast->long_tags.push_back({tag, entry});
    const uint32_t second = tag >> 7;
    if (second > FastLevel::kTwoByteTags) return;
    if (fast->two_bytes[second] == &plan_->unknown) {
      fast->two_bytes[second] = fast->rows.emplace_back(std::make_unique<FastLevel::Row>(plan_->unknown)).get();
    }
    (*fast->rows.back())[tag & 0x7f] = entry;
  }

  FastEntry MakeEntry(const Field& field, wire::Type type, const Level& level) {
    const auto index = static_cast<uint8_t>(&field - level.fields.data());
    FastEntry entry;
    entry.index = index;
    if (!field.tracked) {
      entry.op = SkipOp(type);
      return entry;
    }
    const bool run = type == wire::kDelimited && field.shape == Shape::kScalar;
    entry.rank = static_cast<uint8_t>(index + 1);
    entry.floor = field.repeated && !run ? entry.rank : index;
    entry.implicit = field.implicit_presence;
    if (const int32_t leaf = LeafOf(field); leaf >= 0) {
      entry.gate = static_cast<uint8_t>(tables_.leaves[leaf].gate);
      entry.leaf = static_cast<uint8_t>(leaf);
    }
    entry.op = OpOf(field, run);
    if (entry.op == FastOp::kMessage) entry.index = AddContainer(field);
    return entry;
  }

  FastOp OpOf(const Field& field, bool run) const {
    switch (field.shape) {
      case Shape::kMap:
        return IsPlainMap(field) ? FastOp::kMapEntry : FastOp::kLeave;
      case Shape::kGroup:
      case Shape::kAny:
        return FastOp::kLeave;
      case Shape::kMessage:
        return FastOp::kMessage;
      case Shape::kOpaque:
        return FastOp::kSpecial;
      case Shape::kScalar:
      case Shape::kText:
        break;
    }
    // An element that has to change between packed and unpacked.
    if (field.leaf >= 0 && field.repeated && field.shape == Shape::kScalar && run != field.packed_output) {
      return FastOp::kLeave;
    }
    // Cut by another field, which may come later.
    if (field.leaf >= 0 && tables_.leaves[field.leaf].transform.is_postcode()) return FastOp::kLeave;
    const bool plain = field.leaf >= 0 && tables_.leaves[field.leaf].transform.is_keep() && !run && field.oneof < 0 &&
                       field.reads_begin == field.reads_end && field.enum_values < 0 &&
                       field.type != FieldDescriptor::TYPE_BOOL;
    return plain ? KeepOp(field, tables_.leaves[field.leaf]) : FastOp::kSpecial;
  }

  // Its own, or that of a map's values; -1: none.
  int32_t LeafOf(const Field& field) const {
    return field.shape == Shape::kMap ? tables_.levels[field.level].fields[1].leaf : field.leaf;
  }

  bool IsPlainMap(const Field& map) const {
    const Field& key = tables_.levels[map.level].fields[0];
    const Field& value = tables_.levels[map.level].fields[1];
    return key.type == FieldDescriptor::TYPE_STRING && value.leaf >= 0 &&
           (value.shape == Shape::kScalar || value.shape == Shape::kText) &&
           tables_.leaves[value.leaf].transform.is_keep();
  }

  uint16_t AddContainer(const Field& field) {
    FastContainer container;
    container.field = &field;
    container.index = static_cast<uint16_t>(plan_->containers.size());
    container.inner = &plan_->levels[static_cast<size_t>(field.level)];
    const uint32_t tag = wire::MakeTag(field.number, field.wire_type);
    container.tag_size = static_cast<uint8_t>(wire::WriteVarint(tag, container.tag.data()) - container.tag.data());
    container.oneof = field.oneof;
    container.is_value = field.date >= 0 || field.money;
    plan_->transforms |= container.is_value && field.leaf >= 0;
    container.emits = field.has_grants && field.leaf < 0;
    container.list = field.repeated && container.emits && !container.is_value;
    for (int32_t i = field.gates_begin; i < field.gates_end; ++i) {
      container.gates |= uint64_t{1} << tables_.gate_lists[i];
    }
    plan_->containers.push_back(container);
    return container.index;
  }

  const ProjectionPlan::Tables& tables_;
  FastPlan* plan_ = nullptr;
};

}  // namespace

const FastEntry& FastLevel::FindLong(uint32_t tag) const {
  const auto at = std::lower_bound(long_tags.begin(), long_tags.end(), tag,
                                   [](const LongEntry& entry, uint32_t wanted) { return entry.tag < wanted; });
  return at != long_tags.end() && at->tag == tag ? at->entry : unknown[tag & 7];
}

std::unique_ptr<const FastPlan> BuildFastPlan(const ProjectionPlan::Tables& tables) {
  return FastPlanBuilder(tables).Build();
}

}  // namespace postern::policy
