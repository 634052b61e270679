#include "policy/language/field_path.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "policy/language/suggestion.h"

namespace postern::policy {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;

std::vector<std::string> FieldNames(const Descriptor& message) {
  std::vector<std::string> names;
  for (int i = 0; i < message.field_count(); ++i) names.push_back(message.field(i)->name());
  return names;
}

// Appends a field; for a map of messages also the entry's value, which has no name in a path.
void Push(const FieldDescriptor* field, FieldPath* path) {
  path->push_back(field);
  if (field->is_map() && MessageBelow(*field) != nullptr) path->push_back(field->message_type()->map_value());
}

// Messages that share messages can have exponentially many paths, with or without a leaf at the end: steps are counted,
// not leaves alone.
constexpr int kMaxSteps = 200000;

class LeafWalk {
 public:
  explicit LeafWalk(LeafList* out) : out_(out) {}

  void Walk(const Descriptor& message) {
    if (std::find(open_.begin(), open_.end(), &message) != open_.end()) return;
    if (open_.size() == kMaxLeafDepth || ++steps_ > kMaxSteps) {
      out_->complete = false;
      return;
    }
    open_.push_back(&message);
    for (int i = 0; i < message.field_count() && out_->complete; ++i) {
      const size_t depth = path_.size();
      Push(message.field(i), &path_);
      if (const Descriptor* below = MessageBelow(*path_.back())) {
        Walk(*below);
      } else if (out_->leaves.size() == kMaxLeaves) {
        out_->complete = false;
      } else {
        out_->leaves.push_back(path_);
      }
      path_.resize(depth);
    }
    open_.pop_back();
  }

 private:
  LeafList* out_;
  FieldPath path_;
  std::vector<const Descriptor*> open_;
  int steps_ = 0;
};

}  // namespace

const Descriptor* MessageBelow(const FieldDescriptor& field) {
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return nullptr;
  return field.is_map() ? field.message_type()->map_value()->message_type() : field.message_type();
}

std::string ToDotted(const FieldPath& path) {
  std::string out;
  for (const FieldDescriptor* field : path) {
    if (field->containing_type()->options().map_entry()) continue;
    absl::StrAppend(&out, out.empty() ? "" : ".", field->name());
  }
  return out;
}

bool IsRepeated(const FieldPath& path) {
  return std::any_of(path.begin(), path.end(), [](const FieldDescriptor* f) { return f->is_repeated(); });
}

bool EntersAny(const FieldPath& path) {
  return std::any_of(path.begin(), path.end(), [](const FieldDescriptor* f) {
    const Descriptor* below = MessageBelow(*f);
    return below != nullptr && below->full_name() == "google.protobuf.Any";
  });
}

PathResolution ResolvePath(const Descriptor& root, absl::string_view dotted) {
  if (dotted.empty()) return {{}, "the path is empty", ""};
  PathResolution result;
  const Descriptor* message = &root;
  for (absl::string_view name : absl::StrSplit(dotted, '.')) {
    if (message == nullptr) {
      return {{}, absl::StrCat("\"", ToDotted(result.path), "\" is a leaf and has no field \"", name, "\""), ""};
    }
    const FieldDescriptor* field = message->FindFieldByName(std::string(name));
    if (field == nullptr) {
      return {{},
              absl::StrCat("message ", message->full_name(), " has no field \"", name, "\""),
              DidYouMean(name, FieldNames(*message))};
    }
    Push(field, &result.path);
    message = MessageBelow(*result.path.back());
  }
  return result;
}

LeafList LeavesOf(const Descriptor& root) {
  LeafList list;
  LeafWalk(&list).Walk(root);
  return list;
}

}  // namespace postern::policy
