#include "policy/language/field_path.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "policy/language/suggestion.h"
#include "policy/projection/any_value.h"

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

// Takes "[type.googleapis.com/shop.v1.Gift]" off `rest`, which goes on behind it: the type that `any`, at the end of
// `path`, is to hold. Null and *failed if there is none.
const Descriptor* TakeType(const Descriptor* any, absl::string_view* rest, FieldPath* path, PathResolution* failed) {
  const auto fail = [failed](std::string problem, std::string hint = "") -> const Descriptor* {
    *failed = {{}, std::move(problem), std::move(hint)};
    return nullptr;
  };
  if (any == nullptr || !HasAnyForm(*any)) {
    return fail(absl::StrCat("\"", ToDotted(*path), "\" is no google.protobuf.Any: it has no types to choose from"));
  }
  const size_t end = rest->find(']');
  if (end == absl::string_view::npos) return fail(absl::StrCat("\"", ToDotted(*path), "[\" has no closing bracket"));
  const absl::string_view url = rest->substr(1, end - 1);
  rest->remove_prefix(end + 1);
  const std::string here = absl::StrCat("\"", ToDotted(*path), "[", url, "]\"");
  absl::string_view name = url;
  if (!absl::ConsumePrefix(&name, kTypeUrlPrefix)) {
    return fail(absl::StrCat(here, " is no type"),
                absl::StrCat("write ", kTypeUrlPrefix, " and the full name of a message"));
  }
  const Descriptor* type = any->file()->pool()->FindMessageTypeByName(std::string(name));
  if (type == nullptr || type->options().map_entry()) {
    return fail(absl::StrCat(here, ": the descriptor set has no message \"", name, "\""));
  }
  if (IsAny(*type)) return fail(absl::StrCat(here, ": an Any directly in an Any has no path"));
  if (rest->empty()) {
    return fail(absl::StrCat(here, " is a message; a path ends at a field of it"),
                type->field_count() == 0
                    ? ""
                    : absl::StrCat("for example ", here.substr(1, here.size() - 2), ".", type->field(0)->name()));
  }
  if ((*rest)[0] != '.') return fail(absl::StrCat(here, " has to be followed by \".\" and a field"));
  path->push_back(any->FindFieldByNumber(kAnyValue));
  return type;
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
  return DottedPath(path);
}

bool IsRepeated(const FieldPath& path) {
  return std::any_of(path.begin(), path.end(), [](const FieldDescriptor* f) { return f->is_repeated(); });
}

PathResolution ResolvePath(const Descriptor& root, absl::string_view dotted) {
  if (dotted.empty()) return {{}, "the path is empty", ""};
  PathResolution result;
  const Descriptor* message = &root;
  for (absl::string_view rest = dotted;; rest.remove_prefix(1)) {
    const absl::string_view name = rest.substr(0, rest.find_first_of(".["));
    rest.remove_prefix(name.size());
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
    if (absl::StartsWith(rest, "[")) {
      PathResolution failed;
      message = TakeType(message, &rest, &result.path, &failed);
      if (message == nullptr) return failed;
    }
    if (rest.empty()) return result;
  }
}

LeafList LeavesOf(const Descriptor& root) {
  LeafList list;
  LeafWalk(&list).Walk(root);
  return list;
}

}  // namespace postern::policy
