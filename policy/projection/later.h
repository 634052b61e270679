// Room for one object that may be made later, in place.
#pragma once

#include <new>
#include <utility>

namespace postern::policy {

// As std::optional, but nothing is written before the object is made: clearing the room of an object that is mostly
// not needed can cost more than the work it stands beside.
template <typename T>
class Later {
 public:
  Later() {}  // NOLINT(modernize-use-equals-default): the room stays as it is
  Later(const Later&) = delete;
  Later& operator=(const Later&) = delete;
  ~Later() { Drop(); }

  // Makes the object anew.
  template <typename... Args>
  T& Make(Args&&... args) {
    Drop();
    new (&value_) T(std::forward<Args>(args)...);
    made_ = true;
    return value_;
  }
  // Null before it is made.
  T* get() { return made_ ? &value_ : nullptr; }
  T* operator->() { return &value_; }

 private:
  void Drop() {
    if (made_) value_.~T();
    made_ = false;
  }

  union {
    T value_;
  };
  bool made_ = false;
};

}  // namespace postern::policy
