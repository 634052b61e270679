#include "server/disclosure/batch_answers.h"

#include <algorithm>
#include <memory>

namespace postern::disclosure {
namespace {

// About what the messages of an answer take, without their longer strings.
constexpr size_t kAnswerBytes = 1024;
constexpr size_t kMaxBlock = 64 << 10;

}  // namespace

BatchAnswers BatchAnswers::WithRoomFor(size_t count) {
  google::protobuf::ArenaOptions options;
  options.start_block_size = std::clamp(kAnswerBytes * count, kAnswerBytes, kMaxBlock);
  options.max_block_size = kMaxBlock;
  BatchAnswers batch;
  batch.arena = std::make_unique<google::protobuf::Arena>(options);
  batch.answers.reserve(count);
  return batch;
}

v1::DisclosureAnswer& BatchAnswers::Add() {
  answers.push_back(google::protobuf::Arena::CreateMessage<v1::DisclosureAnswer>(arena.get()));
  return *answers.back();
}

}  // namespace postern::disclosure
