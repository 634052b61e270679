// What policy, consent and requests say must be so, in as few words as possible. Knows nothing of the gateway: people,
// orders and records are numbers, time is a count of seconds.
//
// The rules, for one carrier with the purpose "delivery" of the retail bundle:
//   a record of an erased person is refused until the person has come back; one of a restricted person while that lasts
//   a neighbour's name goes along while the person's consent to it is on record, and only then
//   a withdrawal takes back waiting records with a neighbour's name, and asks for those that were handed over
//   a restriction takes back everything that waits
//   an erasure waits until after-sales service of every order is closed; then it takes back what waits, asks for what
//   was handed over, and forgets consents 30 whole days after after-sales service is closed the recipient's data is
//   over: waiting records go, the others are asked for; after 90 everything is, and the order's key goes
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace postern::lifecycle {

enum class Verdict { kCommitted, kSuppressed, kRestricted };
enum class Place { kWaiting, kHeld, kWithdrawn };

struct Record {
  int person = 0;
  bool neighbour = false;
  Place place = Place::kWaiting;
  bool noticed = false;           // the partner was asked to delete it, or a part of it
  std::optional<int64_t> closed;  // when after-sales service of its order was
  bool order_over = false;        // its order's key is gone
};

class Model {
 public:
  explicit Model(int people) : people_(static_cast<size_t>(people)) {}

  Verdict Disclose(
      int person);  // a record of an order of its own, with a neighbour's name; its number is records().size() - 1
  void Receive();   // everything that waits
  void SetConsent(int person, bool granted);
  void SetRestricted(int person, bool restricted);
  void CloseAfterSales(int record, int64_t now);
  // True if it begins at once.
  bool Erase(int person);
  void ComeBack(int person);
  // Erasures that waited begin where they can.
  void BeginErasures();
  // Terms that are over.
  void EndTerms(int64_t now);

  const std::vector<Record>& records() const { return records_; }
  bool Consents(int person) const { return people_[static_cast<size_t>(person)].consent; }
  bool Suppressed(int person) const { return people_[static_cast<size_t>(person)].suppressed; }
  std::vector<int> Waiting() const;
  int64_t OrdersOver() const;

 private:
  struct Person {
    bool consent = false;
    bool restricted = false;
    bool suppressed = false;
    bool erasure_waits = false;
    std::vector<int> records;
  };
  bool AllClosed(const Person& person) const;
  void Begin(Person* person);

  std::vector<Person> people_;
  std::vector<Record> records_;
};

}  // namespace postern::lifecycle
