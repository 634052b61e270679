// Lays out the levels of a plan from its trie.
#pragma once

#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "policy/projection/plan_trie.h"
#include "policy/projection/tables.h"

namespace postern::policy {

// Fills levels, dates, enums, reads, gate_lists, withheld and withheld_paths of `tables`, whose leaves and gates are
// complete.
class LevelBuilder {
 public:
  // `unclassified`: dotted paths of leaves that the catalogue does not classify.
  LevelBuilder(std::set<std::string> unclassified, ProjectionPlan::Tables* tables)
      : unclassified_(std::move(unclassified)), tables_(*tables) {}
  void Build(const TrieNode& root) {
    BuildLevel(root, "", 0, true);
    AddSupersededBits();
  }

 private:
  using FieldDescriptor = google::protobuf::FieldDescriptor;
  // Returns the level's index. `reports`: fields that do not leave get a bit in the withheld bitmap.
  int32_t BuildLevel(const TrieNode& node, const std::string& path, int depth, bool reports);
  // The level of an Any, and those of what it may hold.
  void BuildAny(const TrieNode& any, const std::string& path, int depth, bool reports, Field* field);
  int32_t BuildScalarMapLevel(const FieldDescriptor& map, int32_t leaf, const std::string& path, int depth);
  Field MakeField(const FieldDescriptor& descriptor) const;
  void AddUse(const FieldDescriptor& descriptor, const FieldUse& use, const std::string& path, int depth, bool reports,
              Field* field);
  void AddWithheldBits(const std::string& path, bool reports, Field* field);
  // Behind all others: what is superseded is granted, so these are no paths that the plan withholds.
  void AddSupersededBits();
  int32_t AddBit(const std::string& path, WithheldReason reason, int32_t leaf);
  int32_t EnumIndex(const FieldDescriptor& descriptor);
  void CollectGates(const TrieNode& node, std::set<int32_t>* gates) const;
  // Lists them; the range goes to *begin and *end.
  void AddGates(const std::set<int32_t>& gates, int32_t* begin, int32_t* end);
  static void GuardCurrency(Level* money);
  static void IndexTags(Level* level);

  const std::set<std::string> unclassified_;
  ProjectionPlan::Tables& tables_;
  std::map<const google::protobuf::EnumDescriptor*, int32_t> enum_indexes_;
};

}  // namespace postern::policy
