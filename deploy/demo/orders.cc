#include "deploy/demo/orders.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"

namespace postern::demo {
namespace {

struct Place {
  const char* name;
  const char* street;
  const char* city;
  const char* country;
};

constexpr std::array<Place, 10> kPlaces = {{
    {"Jürgen Müller", "Königstraße 12", "Köln", "DE"},
    {"Chloé Lefèvre", "12 rue de l'Église", "Orléans", "FR"},
    {"山田太郎", "千代田区丸の内1丁目", "東京", "JP"},
    {"王小明", "朝阳区建国路88号", "北京", "CN"},
    {"Ольга Смирнова", "улица Ленина 5", "Минск", "BY"},
    {"محمد العلي", "شارع الملك فهد ١٢", "الرياض", "SA"},
    {"Γιώργος Παπαδόπουλος", "Οδός Ερμού 3", "Αθήνα", "GR"},
    {"נועה כהן", "רחוב הרצל 7", "תל אביב", "IL"},
    {"Ingrid Sjöberg", "Storgatan 4", "Göteborg", "SE"},
    {"सुनीता शर्मा", "एमजी रोड १०", "पुणे", "IN"},
}};

constexpr char kHome[] = "DE";

using Partners = std::vector<std::string>;
const Partners& Nobody() {
  static const Partners* const p = new Partners;
  return *p;
}

// Plants canaries into one record and remembers who may see them.
class Planter {
 public:
  Planter(CanaryMaker& canaries, std::string record, std::vector<Planted>& planted)
      : canaries_(canaries), record_(std::move(record)), planted_(planted) {}

  // A text canary.
  std::string Text(const std::string& path, Partners may_see) {
    return Remember(canaries_.Text(), path, std::move(may_see));
  }
  std::string Remember(std::string canary, const std::string& path, Partners may_see) {
    planted_.push_back({canary, record_, path, std::move(may_see)});
    return canary;
  }
  CanaryMaker& canaries() { return canaries_; }

 private:
  CanaryMaker& canaries_;
  std::string record_;
  std::vector<Planted>& planted_;
};

// A birth date that no other order of the run has: adults are born from 1935 on, minors from 2012 on.
std::string BirthDate(int index, bool minor) {
  const absl::CivilDay day =
      (minor ? absl::CivilDay(2012, 1, 1) : absl::CivilDay(1935, 1, 1)) + index % (minor ? 4000 : 25000);
  return absl::StrFormat("%04d-%02d-%02d", day.year(), day.month(), day.day());
}

void FillCustoms(shop::v1::Customs& customs, Planter& plant, bool cross_border) {
  const Partners carrier = cross_border ? Partners{kSwift} : Nobody();
  customs.set_incoterm("DAP");
  customs.set_recipient_tax_id(plant.Text("customs.recipient_tax_id", carrier));
  for (int i = 0; i < 2; ++i) {
    auto& item = *customs.add_items();
    item.set_hs_code(plant.Text("customs.items.hs_code", carrier));
    // The contract cuts descriptions after 60 code points: what stands behind never leaves.
    item.set_description(absl::StrCat("護手霜 hand cream ", plant.Text("customs.items.description", carrier),
                                      " with almond oil, for dry skin ", "and rough hands ",
                                      plant.Text("customs.items.description (cut)", Nobody())));
    item.set_quantity(i + 1);
    item.mutable_value()->set_currency("EUR");
    item.mutable_value()->set_minor_units(1000 + i);
    item.set_origin_country(kHome);
  }
}

std::string Remark(int index, Planter& plant) {
  std::string remark = absl::StrCat("Bitte klingeln, s'il vous plaît ", plant.Text("remark", {kSwift}));
  if (index % 3 == 0) {
    absl::StrAppend(&remark, " my card is ",
                    plant.Remember(plant.canaries().CardNumber(), "remark (card number)", Nobody()), " ok");
  }
  if (index % 7 == 0) {
    absl::StrAppend(&remark, " or transfer from ", plant.Remember(plant.canaries().Iban(), "remark (IBAN)", Nobody()),
                    " please");
  }
  if (index % 5 == 0) {
    const std::string mailbox =
        plant.Remember(absl::StrCat(plant.canaries().Text(), "@mail.example"), "remark (e-mail)", Nobody());
    absl::StrAppend(&remark, " write to ", mailbox);
  }
  return remark;
}

void FillShipment(int index, shop::v1::Shipment& s, CanaryMaker& canaries, std::vector<Planted>& planted) {
  const Place& place = kPlaces[static_cast<size_t>(index) % kPlaces.size()];
  const bool cross_border = std::string(place.country) != kHome;
  const bool minor = index % 8 == 5;
  const bool age_known = index % 4 != 2;
  const bool protected_as_minor = minor || !age_known;  // an unknown age is treated as a minor's
  const Partners carriers = {kSwift, kNordic};

  s.set_reference(absl::StrFormat("SH-%06d", index));
  s.set_version(1);
  s.set_order_number(absl::StrFormat("ORD-%06d", index));
  Planter plant(canaries, s.reference(), planted);
  s.set_customer_id(plant.Text("customer_id", Nobody()));  // pseudonymised for both
  s.set_account_email(absl::StrCat(plant.Text("account_email", Nobody()), "@account.example"));

  auto& r = *s.mutable_recipient();
  r.set_name(absl::StrCat(place.name, " ", plant.Text("recipient.name", carriers)));
  if (index % 6 == 0) r.set_company(absl::StrCat("GmbH ", plant.Text("recipient.company", {kSwift})));
  r.set_phone(
      absl::StrCat("+49", plant.Remember(canaries.Digits(9), "recipient.phone", {kSwift})));  // masked for the other
  r.set_email(absl::StrCat(plant.Text("recipient.email", Nobody()), "@delivery.example"));
  auto& a = *r.mutable_address();
  a.set_street(absl::StrCat(place.street, " ", plant.Text("recipient.address.street", carriers)));
  a.set_line2(plant.Text("recipient.address.line2", {kSwift}));
  a.set_city(absl::StrCat(place.city, " ", plant.Text("recipient.address.city", carriers)));
  a.set_region(plant.Text("recipient.address.region", {kSwift}));
  a.set_postcode(plant.Text("recipient.address.postcode", carriers));
  a.set_country(place.country);
  if (age_known) {
    r.set_minor(minor);
    r.set_birth_date(plant.Remember(BirthDate(index, minor), "recipient.birth_date", Nobody()));
  }
  if (minor) {
    r.set_guardian_id(plant.Text("recipient.guardian_id", Nobody()));
    r.set_guardian_name(plant.Text("recipient.guardian_name", Nobody()));
  }

  s.mutable_sender()->set_name("Warehouse 1");
  s.mutable_sender()->set_country(kHome);
  s.mutable_sender()->set_postcode("50667");
  for (int i = 0; i <= index % 3; ++i) {
    auto& parcel = *s.add_parcels();
    parcel.set_barcode(plant.Text("parcels.barcode", carriers));
    parcel.set_weight_grams(700 + 13 * (index % 100));
    parcel.set_length_mm(300 + index % 50);
    parcel.set_insured_minor_units(12345 + index);
  }
  FillCustoms(*s.mutable_customs(), plant, cross_border);
  if (index % 2 == 0) s.set_remark(Remark(index, plant));
  const bool nordic_country = std::string(place.country) == "SE";
  const bool locker = index % 9 == 0;
  const bool pickup = index % 9 == 1;
  s.mutable_preferences()->set_at_home_from(
      absl::StrCat("18:00 ", plant.Text("preferences.at_home_from", protected_as_minor ? Nobody() : Partners{kSwift})));
  Partners until = protected_as_minor ? Nobody() : Partners{kSwift};
  if (!protected_as_minor && nordic_country && !locker) until.push_back(kNordic);
  s.mutable_preferences()->set_at_home_until(absl::StrCat("21:30 ", plant.Text("preferences.at_home_until", until)));
  // A neighbour's name needs consent, and none is on record.
  s.mutable_preferences()->set_alternative_recipient(plant.Text("preferences.alternative_recipient", Nobody()));
  s.set_ready_on("2026-11-20");
  s.mutable_ordered_at()->set_seconds(1'790'000'000 + index);
  if (locker) s.set_locker_id(plant.Text("locker_id", {kSwift}));
  if (pickup) s.set_pickup_shop_id(plant.Text("pickup_shop_id", {kSwift}));
  (*s.mutable_handling())["fragile"] = plant.Text("handling", {kSwift});
  s.set_recommendation_slot(plant.Text("recommendation_slot", Nobody()));
}

void FillPayment(int index, shop::v1::PaymentRequest& p, CanaryMaker& canaries, std::vector<Planted>& planted) {
  p.set_payment_reference(absl::StrFormat("PAY-%06d", index));
  p.set_version(1);
  p.set_order_number(absl::StrFormat("ORD-%06d", index));
  Planter plant(canaries, p.payment_reference(), planted);
  p.set_customer_id(plant.Text("customer_id", Nobody()));
  p.mutable_amount()->set_currency("EUR");
  p.mutable_amount()->set_minor_units(1999 + index);
  p.set_payment_token(plant.Text("payment_token", {kClearPay}));
  p.set_method(shop::v1::PAYMENT_METHOD_CARD);
  p.mutable_ordered_at()->set_seconds(1'790'000'000 + index);
  p.set_payer_name(plant.Text("payer_name", Nobody()));
  p.set_payer_email(absl::StrCat(plant.Text("payer_email", Nobody()), "@account.example"));
  p.set_ip_address(plant.Remember(absl::StrFormat("2001:db8:%x:%x::%x", index / 65536 + 1, index % 65536, 7),
                                  "ip_address", Nobody()));
  p.add_article_titles(absl::StrCat("Hand cream ", plant.Text("article_titles", Nobody())));
  p.set_statement_text(plant.Text("statement_text", Nobody()));  // replaced by a constant
}

}  // namespace

DemoOrder MakeOrder(int index, CanaryMaker& canaries) {
  DemoOrder order;
  FillShipment(index, order.shipment, canaries, order.planted);
  FillPayment(index, order.payment, canaries, order.planted);
  return order;
}

}  // namespace postern::demo
