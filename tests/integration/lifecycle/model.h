// What policy, consent and requests say must be so, in as few words as possible. Knows nothing of the gateway: people,
// orders and records are numbers, time is a count of seconds.
//
// The rules, for one carrier with the purpose "delivery" of the retail bundle:
//   a record of an erased person is refused until the person has come back; one of a restricted person while that
//   lasts; one of an order that is over, and one with a version that is not above the last, always a neighbour's name
//   goes along while the person's consent to it is on record and the person is no minor, else not whoever has a
//   guardian is a minor until the day of majority; until then the guardian consents, and afterwards the person;
//   consents that were given stay a guardian's link takes back what waits and was projected as an adult's a withdrawal
//   takes back waiting records with a neighbour's name, and asks for those that were handed over a restriction takes
//   back everything that waits a correction goes to the carrier if it has the record, which it has deleted if it was
//   asked to, or waits for it, and takes back older versions that wait an erasure waits until no legal hold is in force
//   and after-sales service of every order is closed; then it takes back what waits, asks for what was handed over, and
//   forgets consents; a guardian's that waits ends with the link 30 whole days after after-sales service is closed the
//   recipient's data is over: waiting records go, the others are asked for; after 90 everything is, and the order's key
//   goes; while a legal hold is in force nothing of this happens
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace postern::lifecycle {

enum class Verdict { kCommitted, kSuppressed, kRestricted, kOver, kStale, kNobodyHasIt };
enum class Place { kWaiting, kHeld, kWithdrawn };

// One version of the one record of an order.
struct Record {
  int order = 0;
  uint64_t version = 1;
  bool neighbour = false;
  bool as_minor = false;
  Place place = Place::kWaiting;
  bool gone = false;  // the partner has attested that it deleted it
};

struct Order {
  int person = 0;
  std::vector<int> records;       // versions, the oldest first; none if the first was refused
  bool noticed = false;           // the partner was asked to delete it, or a part of it
  std::optional<int64_t> closed;  // when after-sales service of it was
  bool over = false;              // its key is gone
};

struct Erasure {
  int number = 0;  // in the order in which they were asked for
  int person = 0;
  bool by_guardian = false;
  enum class State { kWaiting, kBegun, kExpired } state = State::kWaiting;
};

class Model {
 public:
  explicit Model(int people) : people_(static_cast<size_t>(people)) {}

  // The first record of a new order, whose number is orders().size() - 1.
  Verdict Disclose(int person, int64_t now);
  // The next version of an order's record.
  Verdict Rectify(int order, int64_t now);
  // An order's record of the version that it has already.
  Verdict DiscloseAgain(int order) const;
  // Numbers of records that wait, the oldest first.
  std::vector<int> Waiting() const;
  void Receive();
  // The partner deletes whole records that it was asked to delete.
  void AnswerNotices();
  // False if it is refused: somebody else must say it.
  bool SetConsent(int person, bool granted, bool by_guardian, int64_t now);
  void SetRestricted(int person, bool restricted);
  void LinkGuardian(int person, int64_t until);
  void UnlinkGuardian(int person) { At(person).minor_until = kNever; }
  void PlaceHold(int person, int64_t until) { At(person).held_until = until; }
  void CloseAfterSales(int order, int64_t now);
  // Null if it is refused.
  const Erasure* Erase(int person, bool by_guardian, int64_t now);
  void ComeBack(int person) { At(person).suppressed = false; }
  // Erasures that waited begin where they can, or expire.
  void BeginErasures(int64_t now);
  // Terms that are over.
  void EndTerms(int64_t now);

  const std::vector<Order>& orders() const { return orders_; }
  const std::vector<Record>& records() const { return records_; }
  const std::vector<Erasure>& erasures() const { return erasures_; }
  const std::vector<int>& OrdersOf(int person) const { return people_[static_cast<size_t>(person)].orders; }
  bool Consents(int person) const { return people_[static_cast<size_t>(person)].consent; }
  bool Suppressed(int person) const { return people_[static_cast<size_t>(person)].suppressed; }
  bool IsMinor(int person, int64_t now) const { return people_[static_cast<size_t>(person)].minor_until > now; }
  bool IsHeld(int person, int64_t now) const { return people_[static_cast<size_t>(person)].held_until > now; }
  int64_t OrdersOver() const { return over_; }

 private:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::min();
  struct Person {
    bool consent = false;
    bool restricted = false;
    bool suppressed = false;
    int64_t held_until = kNever;
    int64_t minor_until = kNever;
    std::vector<int> orders;
  };
  Person& At(int person) { return people_[static_cast<size_t>(person)]; }
  Order& OrderAt(int order) { return orders_[static_cast<size_t>(order)]; }
  Record& RecordAt(int record) { return records_[static_cast<size_t>(record)]; }
  std::optional<Verdict> Refusal(const Person& person, const Order& order) const;
  void Commit(int order, uint64_t version, int64_t now);
  // Every record of the person's orders.
  template <typename Visit>
  void ForEachRecord(int person, Visit visit);
  bool MustWait(const Person& person, int64_t now) const;
  void Begin(Erasure* erasure);

  std::vector<Person> people_;
  std::vector<Order> orders_;
  std::vector<Record> records_;
  std::vector<Erasure> erasures_;
  std::vector<size_t> waiting_;     // erasures that do
  std::vector<int> closed_orders_;  // that are not over
  std::vector<int> queue_;          // records that wait, or did
  std::vector<int> asked_;          // whole records that notices name which are not answered
  int64_t over_ = 0;
};

}  // namespace postern::lifecycle
