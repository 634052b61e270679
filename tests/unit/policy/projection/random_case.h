// Random schemas, grants, records and damage to records.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/message.h>

#include "policy/projection/plan_spec.h"
#include "tests/unit/policy/projection/test_schema.h"

namespace postern::policy::testing {

class RandomCase {
 public:
  explicit RandomCase(uint64_t seed) : random_(seed) {}

  // proto2 or proto3; a root "M0" and other messages, recursive too, with every kind of field.
  std::unique_ptr<TestSchema> Schema();
  // Keep only, without conditions, if `plain`. Valid for BuildPlan.
  PlanSpec Spec(const google::protobuf::Descriptor& root, bool plain);
  // Wire bytes of a record: two random messages run together, then fields shuffled, repeated, split, put into another
  // wire form or followed by unknown ones; sometimes broken.
  // Messages nest four deep below a `depth` of 0, and less the greater it is.
  std::string Record(const google::protobuf::Message& prototype, int depth = 0);
  // Another record that differs only in content that `spec` neither grants nor reads.
  std::string ChangeWithheld(const PlanSpec& spec, const std::string& record);

  bool Chance(int percent) { return Below(100) < static_cast<uint64_t>(percent); }
  uint64_t Below(uint64_t limit) { return random_() % limit; }

 private:
  using Descriptor = google::protobuf::Descriptor;
  using FieldDescriptor = google::protobuf::FieldDescriptor;

  void AddFields(int messages, bool proto3, google::protobuf::DescriptorProto* message);
  void AddMap(int index, int number, int messages, google::protobuf::DescriptorProto* message);
  TransformSpec RandomTransform(const FieldDescriptor& field);
  void CutByCountry(const std::vector<FieldPath>& leaves, LeafSpec* leaf);
  // `whole_amounts`: some of google.type.Money as one leaf.
  void Leaves(const Descriptor& type, bool whole_amounts, FieldPath* path, std::vector<FieldPath>* out);
  // One of the messages "M0" and so on of the schema that `type` is in.
  const Descriptor& AnyMessageOf(const Descriptor& type);
  PredicateSpec Condition(const std::vector<FieldPath>& leaves);

  void Fill(google::protobuf::Message* message, int depth);
  void FillAny(int depth, google::protobuf::Message* any);
  void FillMoney(google::protobuf::Message* money);
  void FillField(const FieldDescriptor& field, int depth, google::protobuf::Message* message);
  std::string Text();
  uint64_t Number();
  std::string Shuffle(const Descriptor& type, const std::string& bytes, int depth);
  std::string Reform(const Descriptor& type, const std::string& field, int depth);
  std::string Unknown();

  std::mt19937_64 random_;
};

// One field of a message as it stands on the wire.
struct RawField {
  int number = 0;
  int wire_type = 0;
  std::string bytes;    // tag and all
  std::string content;  // of a delimited value or group
  bool minimal = true;  // tag, length and value are varints as short as they can be
};

// False if the bytes are malformed.
bool SplitFields(const std::string& bytes, std::vector<RawField>* fields);

}  // namespace postern::policy::testing
