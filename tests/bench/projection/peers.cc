#include "tests/bench/projection/peers.h"

#include <cstdlib>

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/util/field_mask_util.h>

#include "postern/bench/v1/order.pb.h"

namespace postern::bench {
namespace {

constexpr size_t kArenaBlock = 1 << 18;

// TrimMessage does not go into repeated messages, so what is below the line items makes a mask of its own.
constexpr char kItems[] = "line_items.";

google::protobuf::FieldMask MaskOf(const std::vector<std::string>& paths) {
  google::protobuf::FieldMask mask;
  bool items = false;
  for (const std::string& path : paths) {
    if (path.rfind(kItems, 0) != 0) {
      mask.add_paths(path);
    } else if (!items) {
      mask.add_paths("line_items");
      items = true;
    }
  }
  return mask;
}

google::protobuf::FieldMask ItemMaskOf(const std::vector<std::string>& paths) {
  google::protobuf::FieldMask mask;
  for (const std::string& path : paths) {
    if (path.rfind(kItems, 0) == 0) mask.add_paths(path.substr(sizeof(kItems) - 1));
  }
  return mask;
}

google::protobuf::ArenaOptions OptionsOf(std::vector<char>* block) {
  google::protobuf::ArenaOptions options;
  options.initial_block = block->data();
  options.initial_block_size = block->size();
  return options;
}

}  // namespace

GeneratedPeer::GeneratedPeer(const std::vector<std::string>& paths)
    : mask_(MaskOf(paths)), item_mask_(ItemMaskOf(paths)), block_(kArenaBlock) {}

bool GeneratedPeer::Parse(absl::string_view record) {
  google::protobuf::Arena arena(OptionsOf(&block_));
  auto* const order = google::protobuf::Arena::CreateMessage<v1::Order>(&arena);
  return order->ParseFromArray(record.data(), static_cast<int>(record.size()));
}

bool GeneratedPeer::Project(absl::string_view record, std::string* out) {
  google::protobuf::Arena arena(OptionsOf(&block_));
  auto* const order = google::protobuf::Arena::CreateMessage<v1::Order>(&arena);
  if (!order->ParseFromArray(record.data(), static_cast<int>(record.size()))) return false;
  google::protobuf::util::FieldMaskUtil::TrimMessage(mask_, order);
  for (v1::LineItem& item : *order->mutable_line_items()) {
    google::protobuf::util::FieldMaskUtil::TrimMessage(item_mask_, &item);
  }
  return order->SerializeToString(out);
}

DynamicPeer::DynamicPeer(const std::vector<std::string>& paths) : mask_(MaskOf(paths)), item_mask_(ItemMaskOf(paths)) {
  google::protobuf::FileDescriptorProto file;
  v1::Order::descriptor()->file()->CopyTo(&file);
  if (pool_.BuildFile(file) == nullptr) std::abort();
  message_.reset(factory_.GetPrototype(pool_.FindMessageTypeByName(v1::Order::descriptor()->full_name()))->New());
  items_ = message_->GetDescriptor()->FindFieldByName("line_items");
}

bool DynamicPeer::Project(absl::string_view record, std::string* out) {
  if (!message_->ParseFromArray(record.data(), static_cast<int>(record.size()))) return false;
  google::protobuf::util::FieldMaskUtil::TrimMessage(mask_, message_.get());
  const google::protobuf::Reflection& reflection = *message_->GetReflection();
  for (int i = 0; i < reflection.FieldSize(*message_, items_); ++i) {
    google::protobuf::util::FieldMaskUtil::TrimMessage(item_mask_,
                                                       reflection.MutableRepeatedMessage(message_.get(), items_, i));
  }
  return message_->SerializeToString(out);
}

}  // namespace postern::bench
