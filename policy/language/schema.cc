#include "policy/language/schema.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include <google/protobuf/descriptor.pb.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace postern::policy {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::DescriptorPool;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::FileDescriptor;
using ::google::protobuf::FileDescriptorProto;
using ::google::protobuf::FileDescriptorSet;

constexpr char kSetName[] = "descriptor set";

class Collector : public DescriptorPool::ErrorCollector {
 public:
  explicit Collector(DiagnosticSink& sink) : sink_(sink) {}
  void AddError(const std::string& filename, const std::string& element, const google::protobuf::Message*,
                ErrorLocation, const std::string& message) override {
    sink_.Error({filename.empty() ? kSetName : filename}, absl::StrCat(element, ": ", message));
  }

 private:
  DiagnosticSink& sink_;
};

// Builds files after their imports, whatever their order in the set.
class Linker {
 public:
  Linker(const FileDescriptorSet& set, DescriptorPool* pool, DiagnosticSink& sink)
      : pool_(pool), sink_(sink), collector_(sink) {
    for (const FileDescriptorProto& file : set.file()) {
      if (!files_.emplace(file.name(), &file).second) {
        sink_.Error({kSetName}, absl::StrCat("\"", file.name(), "\" is in the set twice"));
      }
    }
  }

  std::vector<const FileDescriptor*> LinkAll() {
    for (const auto& [name, file] : files_) Link(*file);
    return std::move(linked_);
  }

 private:
  // Imports are walked with a list of our own: a chain of imports may be longer than the stack is deep.
  void Link(const FileDescriptorProto& first) {
    std::vector<const FileDescriptorProto*> stack = {&first};
    while (!stack.empty()) {
      const FileDescriptorProto& file = *stack.back();
      if (done_.count(file.name()) != 0) {
        stack.pop_back();
        continue;
      }
      const bool imports_walked = !walked_.insert(file.name()).second;
      if (!imports_walked) {
        for (const std::string& import : file.dependency()) {
          auto it = files_.find(import);
          // A cycle stays unlinked, and the pool says so.
          if (it != files_.end() && done_.count(import) == 0 && walked_.count(import) == 0) stack.push_back(it->second);
        }
        continue;
      }
      stack.pop_back();
      done_.insert(file.name());
      const FileDescriptor* built = pool_->BuildFileCollectingErrors(file, &collector_);
      if (built != nullptr) linked_.push_back(built);
    }
  }

  DescriptorPool* pool_;
  DiagnosticSink& sink_;
  Collector collector_;
  std::map<std::string, const FileDescriptorProto*> files_;
  std::set<std::string> walked_;
  std::set<std::string> done_;
  std::vector<const FileDescriptor*> linked_;
};

void CollectMessages(const Descriptor* message, std::vector<const Descriptor*>* out) {
  if (message->options().map_entry()) return;
  out->push_back(message);
  for (int i = 0; i < message->nested_type_count(); ++i) CollectMessages(message->nested_type(i), out);
}

bool HasExtension(const DescriptorPool& pool, const FieldDescriptor& ours) {
  const FieldDescriptor* theirs = pool.FindExtensionByName(ours.full_name());
  return theirs != nullptr && theirs->number() == ours.number() && theirs->type() == FieldDescriptor::TYPE_MESSAGE &&
         theirs->message_type()->full_name() == ours.message_type()->full_name() &&
         theirs->containing_type()->full_name() == ours.containing_type()->full_name();
}

// Options of descriptors in a foreign pool may hold our extension as unknown bytes; a round trip through the generated
// class resolves it either way.
template <typename Options, typename Extension>
auto ReadExtension(const Options& options, const Extension& extension)
    -> std::optional<std::decay_t<decltype(options.GetExtension(extension))>> {
  Options resolved;
  if (!resolved.ParsePartialFromString(options.SerializePartialAsString()) || !resolved.HasExtension(extension)) {
    return std::nullopt;
  }
  return resolved.GetExtension(extension);
}

template <typename D>
SourceLocation Locate(const D& descriptor) {
  SourceLocation location{descriptor.file()->name()};
  if (google::protobuf::SourceLocation found; descriptor.GetSourceLocation(&found)) {
    location.line = found.start_line + 1;
    location.column = found.start_column + 1;
  }
  return location;
}

}  // namespace

std::unique_ptr<const Schema> Schema::Load(absl::string_view descriptor_set, DiagnosticSink& sink) {
  FileDescriptorSet set;
  if (descriptor_set.size() > std::numeric_limits<int>::max() ||
      !set.ParseFromArray(descriptor_set.data(), static_cast<int>(descriptor_set.size()))) {
    sink.Error({kSetName}, "not a serialised google.protobuf.FileDescriptorSet");
    return nullptr;
  }
  const int errors_before = sink.error_count();
  auto schema = std::unique_ptr<Schema>(new Schema());
  for (const FileDescriptor* file : Linker(set, &schema->pool_, sink).LinkAll()) {
    for (int i = 0; i < file->message_type_count(); ++i) CollectMessages(file->message_type(i), &schema->messages_);
  }
  if (sink.error_count() != errors_before) return nullptr;
  std::sort(schema->messages_.begin(), schema->messages_.end(),
            [](const Descriptor* a, const Descriptor* b) { return a->full_name() < b->full_name(); });
  const DescriptorPool& ours = *DescriptorPool::generated_pool();
  schema->has_field_option_ = HasExtension(schema->pool_, *ours.FindExtensionByName("postern.v1.field"));
  schema->has_record_type_option_ = HasExtension(schema->pool_, *ours.FindExtensionByName("postern.v1.record_type"));
  return schema;
}

const Descriptor* Schema::FindMessage(absl::string_view full_name) const {
  return pool_.FindMessageTypeByName(std::string(full_name));
}

const google::protobuf::MethodDescriptor* Schema::FindMethod(absl::string_view path) const {
  if (!absl::ConsumePrefix(&path, "/")) return nullptr;
  std::string name(path);
  std::replace(name.begin(), name.end(), '/', '.');
  return pool_.FindMethodByName(name);
}

std::optional<v1::FieldClassification> Schema::OptionOf(const FieldDescriptor& field) const {
  return has_field_option_ ? ReadExtension(field.options(), v1::field) : std::nullopt;
}

std::optional<v1::RecordTypeClassification> Schema::OptionOf(const Descriptor& message) const {
  return has_record_type_option_ ? ReadExtension(message.options(), v1::record_type) : std::nullopt;
}

SourceLocation Schema::LocationOf(const FieldDescriptor& field) {
  return Locate(field);
}

SourceLocation Schema::LocationOf(const Descriptor& message) {
  return Locate(message);
}

}  // namespace postern::policy
