#include "policy/language/channel.h"

#include <google/protobuf/text_format.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace postern::policy {
namespace {

std::string WithTerms(const char* channel, const google::protobuf::Message& terms) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  std::string text;
  printer.PrintToString(terms, &text);
  absl::StripAsciiWhitespace(&text);
  return absl::StrCat(channel, " { ", text, " }");
}

}  // namespace

std::string ChannelTerms(const v1::Delivery& delivery) {
  switch (delivery.channel_case()) {
    case v1::Delivery::kExchange:
      return WithTerms("exchange", delivery.exchange());
    case v1::Delivery::kPush:
      return WithTerms("push", delivery.push());
    case v1::Delivery::kWebhook:
      return WithTerms("webhook", delivery.webhook());
    case v1::Delivery::kReceive:
    case v1::Delivery::CHANNEL_NOT_SET:
      break;
  }
  return "receive {}";
}

bool SameChannel(const v1::Delivery& a, const v1::Delivery& b) {
  return ChannelTerms(a) == ChannelTerms(b);
}

}  // namespace postern::policy
