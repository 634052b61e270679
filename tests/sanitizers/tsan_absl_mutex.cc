// Teaches ThreadSanitizer about absl::Mutex, absl::CondVar and absl::Notification.
//
// Debian's libabsl_synchronization is not instrumented, so every hand-over through an absl::Mutex looks like a race.
// The definitions below take the place of the library's in a test binary (an executable's symbols come first), annotate
// the hand-over (sanitizer/tsan_interface.h) and call the library's own. Between "pre" and "post" ThreadSanitizer
// ignores memory accesses, which covers conditions that the library evaluates while it holds the mutex. Await is taken
// to be called by an exclusive holder. The ...WithTimeout methods need no definition: in the library they call
// ...WithDeadline.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <cstdlib>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

namespace {

constexpr unsigned kExclusive = 0;
constexpr unsigned kShared = __tsan_mutex_read_lock;

template <typename Function>
Function* Library(const char* mangled) {
  void* symbol = dlsym(RTLD_NEXT, mangled);
  if (symbol == nullptr) std::abort();
  return reinterpret_cast<Function*>(symbol);
}

template <typename Call>
void Locking(void* mutex, unsigned mode, Call call) {
  __tsan_mutex_pre_lock(mutex, mode);
  call();
  __tsan_mutex_post_lock(mutex, mode, 0);
}

template <typename Call>
bool TryLocking(void* mutex, unsigned mode, Call call) {
  __tsan_mutex_pre_lock(mutex, mode | __tsan_mutex_try_lock);
  const bool locked = call();
  __tsan_mutex_post_lock(mutex, mode | __tsan_mutex_try_lock | (locked ? 0 : __tsan_mutex_try_lock_failed), 0);
  return locked;
}

template <typename Call>
void Unlocking(void* mutex, unsigned mode, Call call) {
  __tsan_mutex_pre_unlock(mutex, mode);
  call();
  __tsan_mutex_post_unlock(mutex, mode);
}

// A wait is an unlock, some time, and a lock.
template <typename Call>
auto Waiting(void* mutex, Call call) {
  Unlocking(mutex, kExclusive, [] {});
  __tsan_mutex_pre_lock(mutex, kExclusive);
  struct Relocked {
    void* mutex;
    ~Relocked() { __tsan_mutex_post_lock(mutex, kExclusive, 0); }
  } relocked{mutex};
  return call();
}

}  // namespace

// Calls the library's definition of the method we are in, by the Itanium mangling of its name after "absl::debian3".
#define LIBRARY(result, mangled, ...) \
  static auto* const library = Library<result(__VA_ARGS__)>("_ZN4absl7debian3" mangled)
#define LIBRARY_CONST(result, mangled, ...) \
  static auto* const library = Library<result(__VA_ARGS__)>("_ZNK4absl7debian3" mangled)

namespace absl {
ABSL_NAMESPACE_BEGIN

Mutex::~Mutex() {
  LIBRARY(void, "5MutexD1Ev", Mutex*);
  __tsan_mutex_destroy(this, 0);
  library(this);
}
void Mutex::Lock() {
  LIBRARY(void, "5Mutex4LockEv", Mutex*);
  Locking(this, kExclusive, [&] { library(this); });
}
void Mutex::Unlock() {
  LIBRARY(void, "5Mutex6UnlockEv", Mutex*);
  Unlocking(this, kExclusive, [&] { library(this); });
}
bool Mutex::TryLock() {
  LIBRARY(bool, "5Mutex7TryLockEv", Mutex*);
  return TryLocking(this, kExclusive, [&] { return library(this); });
}
void Mutex::ReaderLock() {
  LIBRARY(void, "5Mutex10ReaderLockEv", Mutex*);
  Locking(this, kShared, [&] { library(this); });
}
void Mutex::ReaderUnlock() {
  LIBRARY(void, "5Mutex12ReaderUnlockEv", Mutex*);
  Unlocking(this, kShared, [&] { library(this); });
}
bool Mutex::ReaderTryLock() {
  LIBRARY(bool, "5Mutex13ReaderTryLockEv", Mutex*);
  return TryLocking(this, kShared, [&] { return library(this); });
}

void Mutex::LockWhen(const Condition& condition) {
  LIBRARY(void, "5Mutex8LockWhenERKNS0_9ConditionE", Mutex*, const Condition&);
  Locking(this, kExclusive, [&] { library(this, condition); });
}
bool Mutex::LockWhenWithDeadline(const Condition& condition, Time deadline) {
  LIBRARY(bool, "5Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE", Mutex*, const Condition&, Time);
  bool met = false;
  Locking(this, kExclusive, [&] { met = library(this, condition, deadline); });
  return met;
}
void Mutex::ReaderLockWhen(const Condition& condition) {
  LIBRARY(void, "5Mutex14ReaderLockWhenERKNS0_9ConditionE", Mutex*, const Condition&);
  Locking(this, kShared, [&] { library(this, condition); });
}
bool Mutex::ReaderLockWhenWithDeadline(const Condition& condition, Time deadline) {
  LIBRARY(bool, "5Mutex26ReaderLockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE", Mutex*, const Condition&, Time);
  bool met = false;
  Locking(this, kShared, [&] { met = library(this, condition, deadline); });
  return met;
}

void Mutex::Await(const Condition& condition) {
  LIBRARY(void, "5Mutex5AwaitERKNS0_9ConditionE", Mutex*, const Condition&);
  Waiting(this, [&] { library(this, condition); });
}
bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  LIBRARY(bool, "5Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE", Mutex*, const Condition&, Time);
  return Waiting(this, [&] { return library(this, condition, deadline); });
}

void CondVar::Wait(Mutex* mutex) {
  LIBRARY(void, "7CondVar4WaitEPNS0_5MutexE", CondVar*, Mutex*);
  Waiting(mutex, [&] { library(this, mutex); });
}
bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  LIBRARY(bool, "7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE", CondVar*, Mutex*, Time);
  return Waiting(mutex, [&] { return library(this, mutex, deadline); });
}

// The inline HasBeenNotified() reads the flag behind the mutex, so the hand-over is annotated at the flag's address.
static void* Flag(const Notification* notification) {
  return const_cast<char*>(reinterpret_cast<const char*>(notification)) + sizeof(Mutex);
}
void Notification::Notify() {
  LIBRARY(void, "12Notification6NotifyEv", Notification*);
  __tsan_release(Flag(this));
  library(this);
}
void Notification::WaitForNotification() const {
  LIBRARY_CONST(void, "12Notification19WaitForNotificationEv", const Notification*);
  library(this);
  __tsan_acquire(Flag(this));
}
bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  LIBRARY_CONST(bool, "12Notification30WaitForNotificationWithTimeoutENS0_8DurationE", const Notification*, Duration);
  const bool notified = library(this, timeout);
  if (notified) __tsan_acquire(Flag(this));
  return notified;
}
bool Notification::WaitForNotificationWithDeadline(Time deadline) const {
  LIBRARY_CONST(bool, "12Notification31WaitForNotificationWithDeadlineENS0_4TimeE", const Notification*, Time);
  const bool notified = library(this, deadline);
  if (notified) __tsan_acquire(Flag(this));
  return notified;
}

ABSL_NAMESPACE_END
}  // namespace absl
