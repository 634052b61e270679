// What happens at a failpoint (server/base/failpoint.h), decided by a test that runs the gateway's code in its own
// process: to hold one thread in the middle of a step while another goes on, or to fail at the n-th of many hits.
#pragma once

#include <functional>
#include <string>

namespace postern::base {

// Called at every hit of a failpoint that has a failure path, on the thread that hits it, with no lock of the
// failpoints held. True: the code there takes its failure path. May block.
using FailpointHook = std::function<bool()>;

#ifdef POSTERN_FAILPOINTS

// Hooks `name` for as long as it lives; one hook a name. The destructor waits for calls under way.
class ScopedFailpointHook {
 public:
  ScopedFailpointHook(std::string name, FailpointHook hook);
  ~ScopedFailpointHook();
  ScopedFailpointHook(const ScopedFailpointHook&) = delete;
  ScopedFailpointHook& operator=(const ScopedFailpointHook&) = delete;

 private:
  const std::string name_;
};

#else

// Without failpoints nothing hits it: a test that counts on it fails.
class ScopedFailpointHook {
 public:
  ScopedFailpointHook(const std::string&, const FailpointHook&) {}
};

#endif

}  // namespace postern::base
