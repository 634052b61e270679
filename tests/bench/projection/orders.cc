#include "tests/bench/projection/orders.h"

#include <random>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "absl/strings/str_cat.h"

namespace postern::bench {
namespace {

class Maker {
 public:
  explicit Maker(uint64_t seed) : random_(seed), varied_(seed != 0), script_(seed % 4) {}

  v1::Order Make(OrderSize size) {
    v1::Order order;
    order.set_order_id(absl::StrCat("ORD-2026-", 104477 + Below(900)));
    if (size == OrderSize::kSmall) {
      FillSmall(&order);
    } else {
      FillFull(size == OrderSize::kMiddle ? 5 : 200, size == OrderSize::kLarge, &order);
    }
    return order;
  }

 private:
  uint64_t Below(uint64_t limit) { return varied_ ? random_() % limit : 0; }
  std::string Pick(std::initializer_list<const char*> texts) { return *(texts.begin() + Below(texts.size())); }
  std::string Name() {
    if (varied_ && script_ == 3) return Pick({"佐藤 花子", "Ольга Петрова", "Γιώργος Παππάς", "Zoë Müller-Søndergård"});
    return Pick({"Alexandra Whitfield", "Jo Li", "Maximilian Featherstonehaugh", "Ana Maria Costa"});
  }
  std::string Street() {
    if (varied_ && script_ == 3) return Pick({"東京都千代田区丸の内1-9-1", "Невский проспект 28", "Rue de l'Église 7"});
    return Pick({"1284 Riverside Gardens", "9 Elm Rd", "77 Upper Northumberland Avenue North"});
  }

  static void Set(int64_t units, v1::Money* money) {
    money->set_currency("CHF");
    money->set_units(units);
    money->set_nanos(950000000);
  }
  static void Set(int64_t seconds, v1::Timestamp* time) {
    time->set_seconds(seconds);
    time->set_nanos(123000000);
  }

  void FillSmall(v1::Order* order) {
    v1::Customer& customer = *order->mutable_customer();
    customer.set_customer_id("C-77");
    customer.set_name(Name());
    customer.set_phone("+41446681800");
    v1::Address& address = *order->mutable_shipping_address();
    address.set_recipient(Name());
    address.set_line1(Street());
    address.set_city("Zurich");
    address.set_postal_code("8004");
    address.set_country("CH");
    v1::LineItem& item = *order->add_line_items();
    item.set_sku("SKU-10-A");
    item.set_title("Desk lamp");
    item.set_quantity(1 + static_cast<int>(Below(9)));
    Set(49, item.mutable_price());
    order->mutable_payment()->set_method(v1::PAY_METHOD_CARD);
    order->mutable_payment()->set_token("tok_8f2b11c0");
    Set(49, order->mutable_payment()->mutable_amount());
    Set(1767225600, order->mutable_created_at());
  }

  void FillFull(int items, bool short_items, v1::Order* order) {
    v1::Customer& customer = *order->mutable_customer();
    customer.set_customer_id("C-7741203");
    customer.set_name(Name());
    customer.set_email(Pick({"alexandra.whitfield@example.com", "jo@example.org"}));
    customer.set_phone(Pick({"+41 44 668 18 00", "+442079460958"}));
    customer.mutable_birth_date()->set_year(1984);
    customer.mutable_birth_date()->set_month(6);
    customer.mutable_birth_date()->set_day(15);
    customer.set_locale("en-CH");
    customer.set_loyalty_tier("gold");
    Fill(order->mutable_shipping_address());
    Fill(order->mutable_billing_address());
    for (int i = 0; i < items; ++i) Fill(i, short_items, order->add_line_items());
    v1::Payment& payment = *order->mutable_payment();
    payment.set_method(v1::PAY_METHOD_CARD);
    payment.set_token("tok_8f2b11c04d7e4a6c9b1d53e7");
    payment.set_last4("4242");
    Set(318, payment.mutable_amount());
    payment.set_holder(Name());
    payment.set_nonce(0x8d3fa2b1c4e59607u);
    Fill(order->mutable_marketing());
    order->set_remark(
        "Please ring twice and leave the parcel at the back door if nobody answers. Do not hand it to the shop "
        "downstairs; the last one got lost there for two weeks.");
    Set(1767225600 + static_cast<int64_t>(Below(1000000)), order->mutable_created_at());
    Set(1767312000, order->mutable_updated_at());
    order->set_channel("web");
    order->set_ip_address("203.0.113.77");
    order->set_user_agent("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0");
  }

  void Fill(v1::Address* address) {
    address->set_recipient(Name());
    address->set_line1(Street());
    address->set_line2(Pick({"Apartment 12, Staircase B", "c/o Porter"}));
    address->set_city("Zurich");
    address->set_region("ZH");
    address->set_postal_code("8004");
    address->set_country("CH");
    address->set_phone("+41 44 668 18 01");
    address->set_lat(47.3769);
    address->set_lon(8.5417);
  }

  void Fill(int index, bool is_short, v1::LineItem* item) {
    item->set_sku(absl::StrCat("SKU-", 100234 + index * 17, "-", is_short ? "B" : "BLK"));
    item->set_title(is_short ? "Linen napkin, set of 4"
                             : Pick({"Wireless noise-cancelling headphones with carrying case and spare ear pads",
                                     "Ceramic mug", "Hiking boots, waterproof"}));
    item->set_quantity(1 + index % 3 + static_cast<int>(Below(200)));
    Set(59 + index, item->mutable_price());
    (*item->mutable_attributes())["colour"] = is_short ? "sand" : "midnight black with copper accents";
    item->set_weight_grams(420 + index);
  }

  static void Fill(v1::Marketing* marketing) {
    v1::Consent& consent = *marketing->add_consents();
    consent.set_purpose("newsletter");
    consent.set_granted(true);
    for (const char* page : {"/c/audio/headphones", "/p/100234?ref=home"}) marketing->add_browsing_history(page);
    marketing->add_segment_ids(881);
    marketing->set_referrer("https://search.example/?q=headphones");
  }

  std::mt19937_64 random_;
  const bool varied_;
  const uint64_t script_;
};

}  // namespace

v1::Order MakeOrder(OrderSize size, uint64_t seed) {
  return Maker(seed).Make(size);
}

std::string Serialise(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return bytes;
}

int CountFields(const google::protobuf::Message& message) {
  const auto& reflection = *message.GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  int count = 0;
  for (const auto* field : fields) {
    const bool nested = field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE;
    const int values = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    count += values;
    for (int i = 0; nested && i < values; ++i) {
      count += CountFields(field->is_repeated() ? reflection.GetRepeatedMessage(message, field, i)
                                                : reflection.GetMessage(message, field));
    }
  }
  return count;
}

}  // namespace postern::bench
